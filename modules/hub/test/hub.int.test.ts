// The whole hub between the unmodified SDK below and a cloud of the same front end above.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import iotDevice from 'azure-iot-device';
import { EdgeBench, UPSTREAM_ROUTE } from './edge-bench.ts';
import { DEVICE } from './test-cloud.ts';
import { until } from './until.ts';

const { Message } = iotDevice;
const OWN = `${DEVICE}/$edgeHub`;

interface Reported {
  clients?: { [clientId: string]: { status: string } | undefined };
  lastDesiredVersion?: number;
  lastDesiredStatus?: { code: number; description: string };
}

let bench: EdgeBench;
beforeEach(async () => {
  bench = await new EdgeBench().start({
    up: UPSTREAM_ROUTE,
    across:
      'FROM /messages/modules/sender/outputs/hot WHERE level > 3 INTO BrokeredEndpoint("/modules/receiver/inputs/alarm")',
  });
  await bench.startHub();
}, 20_000);
afterEach(() => bench.stop(), 20_000);

test("telemetry and outputs go up in their sender's name with all properties, and across to the input", async () => {
  const sender = await bench.openModule('sender');
  const receiver = await bench.openModule('receiver');
  const got: { input: string; body: string; properties: { [key: string]: string } }[] = [];
  receiver.on('inputMessage', (input: string, message: InstanceType<typeof Message>) => {
    const properties = Object.fromEntries(
      message.properties.propertyList.map(({ key, value }) => [key, String(value)]),
    );
    got.push({ input, body: message.getData().toString(), properties });
  });
  for (const [output, level] of [
    ['hot', '5'],
    ['hot', '2'],
    ['cold', '9'],
  ]) {
    const message = new Message(`${output} ${level}`);
    message.messageId = 'm/1';
    message.contentType = 'application/json';
    message.properties.add('level', level!);
    await sender.sendOutputEvent(output!, message);
  }
  await until(() => bench.cloud.messages.length === 3 && got.length === 1, 'three upstream, one across');
  expect(bench.cloud.messages.map(({ body }) => body.toString())).toEqual(['hot 5', 'hot 2', 'cold 9']);
  expect(bench.cloud.messages[0]).toMatchObject({ identity: { deviceId: DEVICE, moduleId: 'sender' } });
  expect({ ...bench.cloud.messages[0]!.properties.system }).toMatchObject({
    outputName: 'hot',
    messageId: 'm/1',
    contentType: 'application/json',
  });
  expect({ ...bench.cloud.messages[0]!.properties.app }).toEqual({ level: '5' });
  expect(got).toEqual([
    { input: 'alarm', body: 'hot 5', properties: { level: '5', '$.cdid': DEVICE, '$.cmid': 'sender' } },
  ]);
}, 30_000);

test('twins both ways: desired while running and while away, reported up, GET offline', async () => {
  bench.cloud.twins.set(`${DEVICE}/m1`, { desired: { colour: 'red', $version: 3 }, reported: { $version: 1 } });
  const client = await bench.openModule('m1');
  const twin = await client.getTwin();
  expect(twin.properties.desired).toMatchObject({ colour: 'red', $version: 3 });
  const patches: { [key: string]: unknown }[] = [];
  twin.on('properties.desired', (patch: { [key: string]: unknown }) => patches.push(patch));
  await until(
    () =>
      bench.cloud.gateway.connection({ deviceId: DEVICE, moduleId: 'm1' })?.session.subscriptions.desired !== undefined,
    'link',
  );
  bench.cloud.setDesired(`${DEVICE}/m1`, { colour: 'blue', size: 1 });
  await until(() => patches.some((patch) => patch.colour === 'blue' && patch.$version === 4), 'desired patch');
  const update = (patch: object) =>
    new Promise<void>((resolve, reject) =>
      twin.properties.reported.update(patch, (error: Error | undefined) => (error ? reject(error) : resolve())),
    );
  await update({ state: 'on', extra: { a: 1, b: 2 } });
  await until(() => bench.cloud.twin(`${DEVICE}/m1`).reported.state === 'on', 'reported at the cloud');

  await bench.cloud.down();
  await update({ state: 'off', extra: { a: null } });
  const offline = await client.getTwin();
  expect(offline.properties.reported).toMatchObject({ state: 'off', extra: { b: 2 } });
  expect(offline.properties.desired).toMatchObject({ colour: 'blue' });
  bench.cloud.setDesired(`${DEVICE}/m1`, { size: null, fresh: true });
  await bench.cloud.up();
  await until(() => patches.some((patch) => patch.fresh === true && patch.size === null), 'patch of the time away');
  await until(() => bench.cloud.twin(`${DEVICE}/m1`).reported.state === 'off', 'reported of the time away');
  expect(bench.cloud.twin(`${DEVICE}/m1`).reported).toMatchObject({ state: 'off', extra: { b: 2 } });
}, 40_000);

test("methods both ways: cloud to module, module to module over HTTPS, the hub's own", async () => {
  const callee = await bench.openModule('callee');
  callee.onMethod('double', (request, response) => {
    void response!.send(200, { twice: request!.payload * 2 });
  });
  expect(await bench.cloud.method(`${DEVICE}/callee`, 'double', 21)).toEqual({ status: 200, payload: { twice: 42 } });
  const caller = await bench.openModule('caller');
  const url = `https://localhost:${bench.ports.https}/twins/${DEVICE}/modules/callee/methods`;
  const own = bench.workload;
  const { createSasToken } = await import('@wayside/protocol');
  const token = createSasToken({
    resource: `localhost/devices/${DEVICE}/modules/caller`,
    keyBase64: own.keyOf('caller'),
    expiresAtSecs: Math.floor(Date.now() / 1000) + 60,
  });
  const { default: got } = await import('got');
  const post = (target: string, headers: { [name: string]: string }, json: object) =>
    got.post(target, {
      json,
      headers,
      throwHttpErrors: false,
      responseType: 'json',
      https: { certificateAuthority: bench.ca.pem },
      retry: { limit: 0 },
    });
  const good = { authorization: token, 'x-ms-edge-moduleId': `${DEVICE}/caller` };
  const answer = await post(url, good, { methodName: 'double', payload: 4 });
  expect([answer.statusCode, answer.body]).toEqual([200, { status: 200, payload: { twice: 8 } }]);
  expect(
    (await post(url, { ...good, 'x-ms-edge-moduleId': `${DEVICE}/callee` }, { methodName: 'double' })).statusCode,
  ).toBe(401);
  expect((await post(url, { authorization: token }, { methodName: 'double' })).statusCode).toBe(400);
  expect((await post(url, good, { methodName: '', payload: 1 })).statusCode).toBe(400);
  expect((await post(url, good, { methodName: 'x', responseTimeoutInSeconds: 1 })).statusCode).toBe(400);
  expect((await post(url.replace('callee', 'nobody'), good, { methodName: 'double' })).statusCode).toBe(404);
  expect((await post(url, good, { methodName: 'unknown', responseTimeoutInSeconds: 5 })).statusCode).toBe(504);
  const hub = await bench.cloud.method(OWN, 'RefreshDeviceScopeIdentityCache', { deviceIds: [DEVICE] });
  expect(hub.status).toBe(200);
  await caller.close();
}, 40_000);

test('1,000 messages sent while the cloud is away, the hub restarted meanwhile: all arrive, in order', async () => {
  const sender = await bench.openModule('sender');
  await sender.sendOutputEvent('out', new Message('first'));
  await until(() => bench.cloud.messages.length === 1, 'first message');
  await bench.cloud.down();
  const send = (n: number) => sender.sendOutputEvent('out', new Message(String(n)));
  await Promise.all(Array.from({ length: 600 }, (_, n) => send(n)));
  await bench.stopHub();
  await bench.startHub();
  for (let n = 600; n < 1000; n += 100) await Promise.all(Array.from({ length: 100 }, (_, i) => send(n + i)));
  expect(bench.cloud.messages).toHaveLength(1);
  await bench.cloud.up();
  await until(() => bench.cloud.messages.length >= 1001, '1,000 messages', 30_000);
  const numbers = bench.cloud.messages.slice(1).map(({ body }) => Number(body.toString()));
  expect(numbers).toEqual([...Array(1000).keys()]);
}, 90_000);

test('after a hub restart offline, modules connect, call twins and take methods from the stored state', async () => {
  const client = await bench.openModule('m1');
  client.onMethod('ping', (_request, response) => {
    void response!.send(200, 'pong');
  });
  await client.getTwin();
  await until(() => bench.cloud.gateway.connection({ deviceId: DEVICE, moduleId: 'm1' }) !== undefined, 'link');
  await bench.cloud.down();
  await client.close();
  await bench.stopHub();
  await bench.startHub();
  // A new process of the same module: authenticated from the stored identities.
  const again = await bench.openModule('m1');
  expect((await again.getTwin()).properties.desired).toMatchObject({ $version: 1 });
  await bench.cloud.up();
  await again.sendEvent(new Message('back'));
  await until(() => bench.cloud.messages.some(({ body }) => body.toString() === 'back'), 'message after return');
}, 60_000);

test("the hub reports its version, its routes' state and its clients; a bad set leaves the old routes", async () => {
  const client = await bench.openModule('m1');
  const reported = () => bench.cloud.twin(OWN).reported as unknown as Reported;
  await until(() => reported().clients?.[`${DEVICE}/m1`]?.status === 'Connected', 'connected');
  await until(() => reported().lastDesiredVersion === 1, 'the routes are reported');
  expect(reported()).toMatchObject({
    schemaVersion: '1.0',
    lastDesiredVersion: 1,
    lastDesiredStatus: { code: 200, description: '' },
  });
  const version = bench.cloud.setDesired(OWN, { routes: { bad: 'FROM /nonsense INTO $upstream' } });
  await until(() => reported().lastDesiredVersion === version, 'answer to the bad set');
  expect(reported().lastDesiredStatus).toMatchObject({
    code: 400,
    description: expect.stringContaining('Error parsing route bad'),
  });
  await client.sendEvent(new Message('still routed'));
  await until(() => bench.cloud.messages.length === 1, 'message by the old routes');
  await client.close();
  await until(() => reported().clients?.[`${DEVICE}/m1`]?.status === 'Disconnected', 'disconnected');
}, 30_000);

test('metrics and health answer; wrong keys and foreign identities stay out', async () => {
  const client = await bench.openModule('m1');
  await client.sendEvent(new Message('x'));
  await until(() => bench.cloud.messages.length === 1, 'message');
  const base = `http://127.0.0.1:${bench.ports.metrics}`;
  expect(await (await fetch(`${base}/healthz`)).json()).toMatchObject({
    status: 'ok',
    upstreamConnected: true,
    routes: 2,
  });
  const text = await (await fetch(`${base}/metrics`)).text();
  expect(text).toMatch(new RegExp(`edgehub_messages_received_total\\{.*id="${DEVICE}/m1".*\\} 1`));
  expect(text).toMatch(/edgehub_messages_sent_total\{.*to="iothub".*\} 1/);
  expect(text).toContain('edgehub_connected_clients');
  const connectionString = (key: string, moduleId: string) =>
    `HostName=localhost;DeviceId=${DEVICE};ModuleId=${moduleId};SharedAccessKey=${key};GatewayHostName=localhost:${bench.ports.mqtt}`;
  const { default: iotDeviceMqtt } = await import('azure-iot-device-mqtt');
  for (const [key, moduleId] of [
    [Buffer.from('wrong').toString('base64'), 'm1'],
    [bench.workload.keyOf('ghost'), 'ghost'],
    [bench.workload.keyOf('$edgeHub'), '$edgeHub'],
  ] as const) {
    const stranger = iotDevice.ModuleClient.fromConnectionString(connectionString(key, moduleId), iotDeviceMqtt.Mqtt);
    await stranger.setOptions({ ca: bench.ca.pem });
    await expect(stranger.open()).rejects.toThrow('Not authorized');
    await stranger.close();
  }
}, 30_000);

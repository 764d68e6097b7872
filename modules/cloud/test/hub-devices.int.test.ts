// The unmodified azure-iot-device SDK against the hub: telemetry, twins, methods, sessions, credentials (cloud.md 3.6).

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { TelemetryMessage } from '../src/platform.ts';
import { type AnyClient, failureOf, type HubUnderTest, Message, sas, startHub, until } from './hub-under-test.ts';

/** The suite shares its machine with others. */
jest.setTimeout(60_000);

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

async function makeDevice(deviceId: string, moduleIds: string[] = []): Promise<string> {
  const device = await hub.platform.registry.createDevice(deviceId, {});
  for (const moduleId of moduleIds) await hub.platform.registry.createModule(deviceId, moduleId, {});
  return device.primaryKey ?? '';
}

type TwinOfSdk = {
  properties: {
    desired: Record<string, unknown>;
    reported: { update(patch: object, done: (error?: Error) => void): void };
  };
  on(event: string, listener: (patch: Record<string, unknown>) => void): void;
};
const twinOf = async (client: AnyClient) => (await client.getTwin()) as unknown as TwinOfSdk;
const report = (twin: TwinOfSdk, patch: object) =>
  new Promise<void>((resolve, reject) =>
    twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve())),
  );

type MethodHandler = (
  request: { payload: unknown },
  response: { send(status: number, payload?: unknown): void },
) => void;

/** Resolves when a desired patch arrives: a method is answered without a recorded subscription, so its answer does not show that patches will come. */
async function patchesFlow(deviceId: string, patches: readonly unknown[]): Promise<void> {
  let tries = 0;
  await until(async () => {
    tries += 1;
    await hub.platform.patchTwin(deviceId, undefined, { desired: { tries } });
    return patches.length > 0;
  }, 'a first desired patch');
}

/** Handles method `ping`: devices and modules name the call differently. */
function onMethod(client: AnyClient, handler: MethodHandler): void {
  const either = client as unknown as {
    [name in 'onMethod' | 'onDeviceMethod']?: (name: string, handler: unknown) => void;
  };
  if (either.onMethod) either.onMethod('ping', handler);
  else either.onDeviceMethod?.('ping', handler);
}

describe('telemetry', () => {
  test('arrives with all its properties, in order, once, and is the last message of its type', async () => {
    await makeDevice('t1', ['m1']);
    const client = await hub.open('t1', 'm1');
    const seen: TelemetryMessage[] = [];
    const stop = hub.platform.on('telemetry', (message) => seen.push(message));
    const message = new Message(Buffer.from('{"n":1}'));
    message.messageId = 'm 1/2';
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('k+ey', 'v/al ue#');
    message.properties.add('messageType', 'health');
    await (client as { sendOutputEvent(output: string, m: unknown): Promise<unknown> }).sendOutputEvent(
      'out1',
      message,
    );
    for (let n = 0; n < 20; n += 1) await client.sendEvent(new Message(`${n}`));
    stop();
    expect(seen).toHaveLength(21);
    expect(seen[0]).toMatchObject({
      ...{ deviceId: 't1', moduleId: 'm1', messageType: 'health' },
      properties: { 'k+ey': 'v/al ue#', messageType: 'health' },
      systemProperties: {
        messageId: 'm 1/2',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        outputName: 'out1',
      },
    });
    const history = await hub.platform.queryTelemetry('t1', { moduleId: 'm1', afterSeq: seen[0]!.seq, limit: 100 });
    expect(history.map((m) => Buffer.from(m.body).toString())).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
    const newest = await hub.platform.queryTelemetry('t1', { limit: 3 });
    expect(newest.map((m) => Buffer.from(m.body).toString())).toEqual(['17', '18', '19']);
    expect(await hub.platform.lastMessage('t1', 'm1', 'health')).toMatchObject({ seq: seen[0]!.seq });
    expect(Buffer.from((await hub.platform.lastMessage('t1', 'm1', ''))?.body ?? []).toString()).toBe('19');
    expect((await hub.platform.getDevice('t1'))?.connected).toBe(false);
    expect((await hub.platform.listModules('t1'))[0]).toMatchObject({ connected: true });
  });

  test('256 KiB is taken, a byte more is refused, an empty body is a message', async () => {
    await makeDevice('t4');
    const client = await hub.open('t4');
    await client.sendEvent(new Message(Buffer.alloc(256 * 1024, 1)));
    await client.sendEvent(new Message(''));
    expect((await failureOf(client.sendEvent(new Message(Buffer.alloc(256 * 1024 + 1))))).name).toBe(
      'MessageTooLargeError',
    );
    const lengths = (await hub.platform.queryTelemetry('t4', { limit: 9 })).map((message) => message.body.length);
    expect(lengths).toEqual([256 * 1024, 0]);
  });

  test('over HTTPS in the own name only', async () => {
    const key = await makeDevice('t2');
    await makeDevice('t3');
    const token = sas({ key, resource: 'localhost/devices/t2' });
    const send = (path: string) =>
      hub.request({
        method: 'POST',
        path,
        token,
        body: 'hello',
        headers: { 'iothub-app-messageType': 'note', 'iothub-contenttype': 'text/plain' },
      });
    expect((await send('/devices/t2/messages/events?api-version=2020-03-13')).status).toBe(204);
    expect(await hub.platform.lastMessage('t2', '', 'note')).toMatchObject({
      properties: { messageType: 'note' },
      systemProperties: { contentType: 'text/plain' },
    });
    expect((await send('/devices/t3/messages/events')).status).toBe(401);
  });
});

describe('twins', () => {
  test('get, report, null deletes, arrays replace, desired patches arrive', async () => {
    await makeDevice('tw1');
    await hub.platform.patchTwin('tw1', undefined, { desired: { speed: 1 }, tags: { secret: 'of the service' } });
    const client = await hub.open('tw1');
    const twin = await twinOf(client);
    expect(twin.properties.desired).toMatchObject({ speed: 1, $version: 2 });
    expect(JSON.stringify(twin.properties.desired)).not.toContain('of the service');
    const patches: Record<string, unknown>[] = [];
    twin.on('properties.desired', (patch) => patches.push(patch));
    await report(twin, { a: { b: 1, c: 2 }, list: [1, 2] });
    await report(twin, { a: { b: null }, list: [7] });
    expect(await hub.platform.getTwin('tw1')).toMatchObject({
      reported: { a: { c: 2 }, list: [7] },
      reportedVersion: 3,
    });
    await hub.platform.patchTwin('tw1', undefined, { desired: { speed: null, mode: { fast: true } } });
    await until(() => patches.some((patch) => patch.$version === 3), 'desired patch 3');
    expect(patches.at(-1)).toEqual({ speed: null, mode: { fast: true }, $version: 3 });
    const replaced = await hub.request({
      method: 'PUT',
      path: '/twins/tw1',
      body: { properties: { desired: { mode: { slow: true } } } },
    });
    expect(replaced.status).toBe(200);
    await until(() => patches.some((patch) => patch.$version === 4), 'desired patch 4');
    expect(patches.at(-1)).toEqual({ mode: { fast: null, slow: true }, $version: 4 });
  });

  test('a report over the limit fails with an errorCode body the SDK understands, and changes nothing', async () => {
    await makeDevice('tw2');
    const twin = await twinOf(await hub.open('tw2'));
    const big = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`k${n}`, 'x'.repeat(4000)]));
    expect((await failureOf(report(twin, big))).message).toContain('at most 32768');
    expect((await failureOf(report(twin, { 'no.dots': 1 }))).message).toContain('no.dots');
    expect((await failureOf(report(twin, { long: 'x'.repeat(4097) }))).message).toContain('4096');
    let deep: object = {};
    for (let n = 0; n < 1_000; n += 1) deep = { n: deep };
    expect((await failureOf(report(twin, deep))).message).toContain('levels');
    expect(await hub.platform.getTwin('tw2')).toMatchObject({ reported: {}, reportedVersion: 1 });
  });
});

describe('direct methods', () => {
  const ping = { methodName: 'ping', payload: { q: 1 }, responseTimeoutInSeconds: 5, connectTimeoutInSeconds: 0 };

  test('answer with status and payload, for a device and a module', async () => {
    await makeDevice('me1', ['m']);
    const echo = (request: { payload: unknown }, response: { send(status: number, payload: unknown): void }) =>
      response.send(207, { echo: request.payload });
    onMethod(await hub.open('me1'), echo);
    onMethod(await hub.open('me1', 'm'), echo);
    const service = hub.service();
    // The SDK subscribes in its own time: the hub waits for it a moment.
    expect((await service.invokeDeviceMethod('me1', ping)).result).toEqual({
      status: 207,
      payload: { echo: { q: 1 } },
    });
    expect((await service.invokeDeviceMethod('me1', 'm', ping)).result).toEqual({
      status: 207,
      payload: { echo: { q: 1 } },
    });
  });

  test('offline is 404103, silent is 504101, unknown is DeviceNotFound', async () => {
    await makeDevice('me2');
    const path = '/twins/me2/methods';
    const offline = await hub.request({ method: 'POST', path, body: ping });
    expect([offline.status, offline.headers.get('iothub-errorcode')]).toEqual([404, 'DeviceNotOnline']);
    expect(JSON.parse(String(offline.json.Message))).toMatchObject({
      errorCode: 404103,
      info: { timeout: '00:00:00' },
    });
    const client = await hub.open('me2');
    onMethod(client, () => {});
    const silent = await hub.request({ method: 'POST', path, body: ping });
    expect(silent.status).toBe(504);
    expect(JSON.parse(String(silent.json.Message))).toMatchObject({ errorCode: 504101, info: { timeout: '00:00:05' } });
    expect(
      (await hub.request({ method: 'POST', path: '/twins/nobody/methods', body: ping })).headers.get(
        'iothub-errorcode',
      ),
    ).toBe('DeviceNotFound');
    expect((await hub.request({ method: 'POST', path, body: { ...ping, responseTimeoutInSeconds: 4 } })).status).toBe(
      400,
    );
    expect(
      (await hub.request({ method: 'POST', path, body: { ...ping, payload: 'x'.repeat(128 * 1024) } })).status,
    ).toBe(400);
  });

  test('a connect timeout waits for the device', async () => {
    await makeDevice('me3');
    const call = hub.platform.invokeMethod('me3', undefined, {
      methodName: 'ping',
      connectTimeoutSecs: 10,
      responseTimeoutSecs: 5,
    });
    const client = await hub.open('me3');
    onMethod(client, (_, response) => response.send(-3));
    expect(await call).toEqual({ status: -3, payload: null });
  });
});

describe('sessions', () => {
  test('after a restart of the hub the same client still gets methods and desired patches', async () => {
    for (const transport of ['mqtt', 'ws'] as const) {
      // A device each: a client that was closed amid a retry may connect once more, and would take the next one's place.
      const deviceId = `s1-${transport}`;
      const key = await makeDevice(deviceId);
      const client = await hub.client({ deviceId, key, transport });
      await client.open();
      const twin = await twinOf(client);
      const patches: Record<string, unknown>[] = [];
      twin.on('properties.desired', (patch) => patches.push(patch));
      onMethod(client, (_, response) => response.send(200));
      await hub.platform.invokeMethod(deviceId, undefined, { methodName: 'ping' });
      await patchesFlow(deviceId, patches);
      await hub.restart();
      expect((await hub.platform.getDevice(deviceId))?.connected).toBe(false);
      await until(async () => (await hub.platform.getDevice(deviceId))?.connected === true, 'the client is back');
      // A patch is for whoever is connected at that moment, so it is made again until one arrives.
      patches.length = 0;
      await patchesFlow(deviceId, patches);
      const call = { methodName: 'ping', connectTimeoutSecs: 10 };
      expect(await hub.platform.invokeMethod(deviceId, undefined, call)).toMatchObject({ status: 200 });
      await client.close();
    }
  });

  test('over a renewal of its token a client keeps sending, and gets patches and methods afterwards', async () => {
    await makeDevice('s3');
    const epochs = new Set<number>();
    const epoch = () => hub.platform.gateway.connection({ deviceId: 's3' })?.epoch;
    const client = await hub.open('s3', undefined, {
      tokenRenewal: { tokenValidTimeInSeconds: 14, tokenRenewalMarginInSeconds: 11 },
    });
    const twin = await twinOf(client);
    const patches: Record<string, unknown>[] = [];
    twin.on('properties.desired', (patch) => patches.push(patch));
    onMethod(client, (_, response) => response.send(200));
    await hub.platform.invokeMethod('s3', undefined, { methodName: 'ping' });
    await patchesFlow('s3', patches);
    let sent = 0;
    // Two renewals, with messages all the time: the SDK reconnects and subscribes to nothing again.
    await until(async () => {
      await client.sendEvent(new Message(`${sent}`));
      sent += 1;
      const now = epoch();
      if (now !== undefined) epochs.add(now);
      return epochs.size >= 3;
    }, 'two renewals');
    const history = await hub.platform.queryTelemetry('s3', { afterSeq: 0, limit: 10_000 });
    const texts = new Set(history.map((message) => Buffer.from(message.body).toString()));
    expect(texts.size).toBe(sent);
    patches.length = 0;
    await patchesFlow('s3', patches);
    expect(await hub.platform.invokeMethod('s3', undefined, { methodName: 'ping' })).toMatchObject({ status: 200 });
  });

  test('the second client of one identity takes over, and the loser clears nothing', async () => {
    const key = await makeDevice('s2');
    const events: boolean[] = [];
    const stop = hub.platform.on('connection', (event) => event.deviceId === 's2' && events.push(event.connected));
    const first = await hub.client({ deviceId: 's2', key });
    (first as unknown as { setRetryPolicy(p: unknown): void }).setRetryPolicy({
      shouldRetry: () => false,
      nextRetryTimeout: () => 0,
    });
    const lost = new Promise((resolve) =>
      (first as { on(event: string, f: () => void): void }).on('disconnect', () => resolve(true)),
    );
    await first.open();
    const second = await hub.open('s2');
    await lost;
    await second.sendEvent(new Message('alive'));
    expect((await hub.platform.getDevice('s2'))?.connected).toBe(true);
    stop();
    expect(events.every((connected) => connected)).toBe(true);
  });
});

describe('credentials', () => {
  const refusedOpen = async (o: { deviceId: string; moduleId?: string; key: string }) =>
    (await failureOf((await hub.client(o)).open())).name;

  test('wrong key, another device, unknown device, disabled device are refused', async () => {
    const key = await makeDevice('c1');
    const other = await makeDevice('c2', ['m']);
    expect(await refusedOpen({ deviceId: 'c1', key: other })).toBe('UnauthorizedError');
    expect(await refusedOpen({ deviceId: 'c3', key })).toBe('UnauthorizedError');
    // A module has a key of its own: its device's is not enough.
    expect(await refusedOpen({ deviceId: 'c2', moduleId: 'm', key: other })).toBe('UnauthorizedError');
    await hub.platform.registry.updateDevice('c1', { status: 'disabled' }, '*');
    expect(await refusedOpen({ deviceId: 'c1', key })).toBe('UnauthorizedError');
  });

  test('the secondary key serves; disabling closes the connection, deleting too', async () => {
    await makeDevice('c4', ['m']);
    const device = await hub.platform.getDevice('c4');
    const client = await hub.client({ deviceId: 'c4', key: device?.secondaryKey ?? '' });
    await client.open();
    await hub.open('c4', 'm');
    await until(() => hub.platform.gateway.connection({ deviceId: 'c4', moduleId: 'm' }) !== undefined, 'the module');
    await hub.platform.registry.updateDevice('c4', { status: 'disabled' }, '*');
    await until(
      () => hub.platform.gateway.connections().every((info) => info.identity.deviceId !== 'c4'),
      'both are closed',
    );
    await hub.platform.registry.updateDevice('c4', { status: 'enabled' }, '*');
    await hub.platform.deleteDevice('c4');
    expect(await hub.platform.getTwin('c4', 'm')).toBeUndefined();
    await until(
      () => hub.platform.gateway.connections().every((info) => info.identity.deviceId !== 'c4'),
      'none comes back',
    );
  });

  test('REST: no token, expired, foreign host, wrong signature, missing right', async () => {
    const key = await makeDevice('c5');
    const { platform } = hub;
    const secret = (text: string) => /SharedAccessKey=(.*)$/.exec(text)?.[1] ?? '';
    const keys = platform.connectionStrings();
    const ask = async (token: string | null, path = '/devices/c5', method = 'GET', body?: unknown) =>
      (await hub.request({ path, token, method, body })).status;
    const owner = secret(keys.iothubowner);
    expect(await ask(null)).toBe(401);
    expect(await ask('Bearer x')).toBe(401);
    expect(await ask(sas({ key: owner, policy: 'iothubowner' }))).toBe(200);
    expect(
      await ask(sas({ key: owner, policy: 'iothubowner', expiresAtSecs: Math.floor(Date.now() / 1000) - 1 })),
    ).toBe(401);
    expect(await ask(sas({ key: owner, policy: 'iothubowner', resource: 'evil.example' }))).toBe(401);
    expect(await ask(sas({ key: owner, policy: 'iothubowner', resource: 'wayside-cloud' }))).toBe(200);
    expect(await ask(sas({ key: owner, policy: 'iothubowner', resource: 'localhost/devices/c5' }))).toBe(200);
    expect(await ask(sas({ key: owner, policy: 'iothubowner', resource: 'localhost/devices/c' }))).toBe(401);
    expect(await ask(sas({ key: owner, policy: 'registryRead' }))).toBe(401);
    expect(await ask(sas({ key: owner, policy: 'constructor' }))).toBe(401);
    const read = sas({ key: secret(keys.registryRead), policy: 'registryRead' });
    expect([await ask(read), await ask(read, '/devices/c6', 'PUT', {})]).toEqual([200, 401]);
    const service = sas({ key: secret(keys.service), policy: 'service' });
    expect([await ask(service), await ask(service, '/twins/c5')]).toEqual([401, 200]);
    const device = sas({ key, resource: 'localhost/devices/c5' });
    expect([await ask(device), await ask(device, '/devices'), await ask(device, '/twins/c5', 'PATCH', {})]).toEqual([
      200, 401, 401,
    ]);
    expect(hub.log.join('')).not.toContain(owner);
    expect(hub.log.join('')).not.toContain('sig=');
  });

  test('a device keeps its own modules and no others; its edge hub sees the scope with keys', async () => {
    const edge = await platformEdge('e1');
    const other = await platformEdge('e2');
    const token = sas({ key: edge.primaryKey ?? '', resource: 'localhost/devices/e1' });
    const own = (path: string, method = 'GET', body?: unknown, headers?: Record<string, string>) =>
      hub.request({ path, token, method, body, headers });
    expect(
      (
        await own('/devices/e1/modules/tempSensor?api-version=2017-11-08-preview', 'PUT', {
          moduleId: 'tempSensor',
          managedBy: 'iotEdge',
          deviceId: 'e1',
        })
      ).status,
    ).toBe(200);
    const list = (await own('/devices/e1/modules')).json as unknown as { moduleId: string }[];
    expect(list.map((m) => m.moduleId)).toEqual(['$edgeAgent', '$edgeHub', 'tempSensor']);
    expect((await own('/devices/e2/modules')).status).toBe(401);
    expect((await own('/devices/e2/modules/x', 'PUT', {})).status).toBe(401);
    expect((await own('/devices/e1', 'DELETE', undefined, { 'if-match': '*' })).status).toBe(401);
    expect((await own('/devices/e1/modules/tempSensor', 'DELETE', undefined, { 'if-match': '*' })).status).toBe(204);

    await hub.platform.registry.createDevice('leaf-of-e1', { deviceScope: edge.deviceScope ?? '' });
    const hubModule = await hub.platform.registry.getModule('e1', '$edgeHub');
    // edgeHub encodes its own name once more inside the resource.
    const hubToken = sas({ key: hubModule?.primaryKey ?? '', resource: 'localhost/devices/e1/modules/%24edgeHub' });
    const scope = (path: string, use = hubToken) =>
      hub.request({ path: `/devices/e1/modules/%24edgeHub/${path}`, token: use });
    const first = await scope(
      'devicesAndModulesInDeviceScope?deviceCount=1&continuationToken=&api-version=2018-08-30-preview',
    );
    expect((first.json.devices as { deviceId: string }[]).map((d) => d.deviceId)).toEqual(['e1']);
    expect((first.json.modules as { moduleId: string }[]).map((m) => m.moduleId)).toEqual(['$edgeAgent', '$edgeHub']);
    const link = new URL(String(first.json.continuationLink));
    const second = await hub.request({ path: link.pathname + link.search, token: hubToken });
    const leaf = (
      second.json.devices as { deviceId: string; authentication: { symmetricKey: { primaryKey: string } } }[]
    )[0];
    expect(leaf?.deviceId).toBe('leaf-of-e1');
    expect(leaf?.authentication.symmetricKey.primaryKey).toBe((await hub.platform.getDevice('leaf-of-e1'))?.primaryKey);
    expect(second.json.continuationLink).toBe('');
    const target = await scope('deviceAndModuleInDeviceScope?targetDeviceId=e1&targetModuleId=%24edgeAgent');
    expect((target.json.modules as { moduleId: string }[]).map((m) => m.moduleId)).toEqual(['$edgeAgent']);
    expect((await scope('deviceAndModuleInDeviceScope?targetDeviceId=e2')).status).toBe(404);
    expect((await scope('devicesAndModulesInDeviceScope', token)).status).toBe(401);
    const foreign = sas({
      key: (await hub.platform.registry.getModule('e2', '$edgeHub'))?.primaryKey ?? '',
      resource: 'localhost/devices/e2/modules/$edgeHub',
    });
    expect((await scope('devicesAndModulesInDeviceScope', foreign)).status).toBe(401);
    expect(other.deviceId).toBe('e2');

    await hub.platform.registry.createDevice('child', { iotEdge: true, parentScopes: [edge.deviceScope ?? ''] });
    const post = (path: string, body: unknown) =>
      hub.request({ method: 'POST', path: `/devices/e1/modules/%24edgeHub/${path}`, token: hubToken, body });
    const own1 = await post('devicesAndModulesInTargetDeviceScope', { pageSize: 2, authChain: 'e1;' });
    expect((own1.json.devices as { deviceId: string }[]).map((d) => d.deviceId)).toEqual(['child', 'e1']);
    const own2 = await post('devicesAndModulesInTargetDeviceScope', {
      ...{ pageSize: 2, authChain: 'e1', continuationLink: own1.json.continuationLink },
    });
    expect((own2.json.devices as { deviceId: string }[]).map((d) => d.deviceId)).toEqual(['leaf-of-e1']);
    const below = await post('getDeviceAndModuleOnBehalfOf', {
      ...{ authChain: 'child;e1', targetDeviceId: 'child', targetModuleId: '$edgeHub' },
    });
    expect((below.json.modules as { moduleId: string }[]).map((m) => m.moduleId)).toEqual(['$edgeHub']);
    for (const authChain of ['e2;e1', 'e1;e2', 'child', ';', 'child;e2;e1']) {
      expect([
        authChain,
        (await post('devicesAndModulesInTargetDeviceScope', { pageSize: 0, authChain })).status,
      ]).toEqual([authChain, 401]);
    }
  });

  const platformEdge = (deviceId: string) => hub.platform.createEdgeDevice(deviceId);
});

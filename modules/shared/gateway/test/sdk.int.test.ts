// The unmodified Azure SDK (device and module clients, MQTT and WebSocket) against the front end on real TLS ports.

import https from 'node:https';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import iotDevice from 'azure-iot-device';
import iotDeviceMqtt from 'azure-iot-device-mqtt';
import { IotHubError } from '../src/index.ts';
import { HUB_HOST, KEY, until } from './memory-host.ts';
import { type ServedGateway, serveGateway } from './served-gateway.ts';

const { Client, Message, ModuleClient } = iotDevice;
const { Mqtt, MqttWs } = iotDeviceMqtt;
type AnyClient = InstanceType<typeof Client> | InstanceType<typeof ModuleClient>;

let served: ServedGateway;
let clients: AnyClient[] = [];
beforeEach(async () => {
  served = await serveGateway();
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
  clients = [];
  await served.close();
});

/** GatewayHostName names the real port; user name and token carry the plain hub name. */
function connectionString(clientId: string): string {
  const [deviceId, moduleId] = clientId.split('/');
  const module = moduleId ? `;ModuleId=${moduleId}` : '';
  return `HostName=${HUB_HOST};DeviceId=${deviceId}${module};SharedAccessKey=${KEY};GatewayHostName=localhost:${served.listener.port}`;
}

async function open(clientId: string, options: Record<string, unknown> = {}): Promise<AnyClient> {
  const client = clientId.includes('/')
    ? ModuleClient.fromConnectionString(connectionString(clientId), Mqtt)
    : Client.fromConnectionString(connectionString(clientId), Mqtt);
  clients.push(client);
  await client.setOptions({ ca: served.ca.pem, ...options });
  await client.open();
  return client;
}

const identityOf = (clientId: string) => {
  const [deviceId, moduleId] = clientId.split('/');
  return moduleId ? { deviceId: deviceId!, moduleId } : { deviceId: deviceId! };
};

/** A method call and a desired patch both arrive: what a broken session loses first. */
async function expectReachable(clientId: string, seen: { patches: unknown[] }, round: number): Promise<void> {
  const { gateway, host } = served;
  const rid = `r${round}`;
  expect(gateway.method(identityOf(clientId), { name: 'ping', rid, body: '{"q":1}' })).toBe(true);
  await until(() => host.methodResults.some((result) => result.rid === rid), `answer ${rid}`);
  expect(host.methodResults.find((result) => result.rid === rid)).toMatchObject({ status: 207, body: '{"q":1}' });
  const twin = host.twin(clientId);
  twin.desired.$version += 1;
  expect(gateway.desired(identityOf(clientId), { round }, twin.desired.$version)).toBe(true);
  await until(() => seen.patches.some((patch) => (patch as { round?: number }).round === round), `patch ${round}`);
}

async function listenFully(client: AnyClient): Promise<{ patches: unknown[] }> {
  const seen = { patches: [] as unknown[] };
  const answer = (
    request?: { payload?: unknown },
    response?: { send(status: number, payload?: unknown): Promise<unknown> },
  ): void => {
    void response!.send(207, request!.payload);
  };
  if (client instanceof ModuleClient) client.onMethod('ping', answer);
  else client.onDeviceMethod('ping', answer);
  const twin = await client.getTwin();
  twin.on('properties.desired', (patch: unknown) => seen.patches.push(patch));
  await until(() => {
    const last = served.host.subscribedInfos.at(-1)?.session.subscriptions;
    return last?.desired !== undefined && last.methods !== undefined;
  }, 'subscriptions');
  return seen;
}

describe.each(['d1', 'd1/m1'])('SDK client %s', (clientId) => {
  test('telemetry with all its properties is acknowledged after it was stored', async () => {
    const client = await open(clientId);
    const message = new Message(JSON.stringify({ t: 21.5 }));
    Object.assign(message, {
      messageId: 'm 1/2',
      correlationId: 'c',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
    });
    message.properties.add('k+ey', 'v/al ue#');
    await (client instanceof ModuleClient ? client.sendOutputEvent('out1', message) : client.sendEvent(message));
    const [stored] = served.host.messages;
    expect(stored).toMatchObject({ identity: identityOf(clientId), body: Buffer.from('{"t":21.5}') });
    expect({ ...stored!.properties.system }).toEqual({
      messageId: 'm 1/2',
      correlationId: 'c',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      ...(client instanceof ModuleClient ? { outputName: 'out1' } : {}),
    });
    expect({ ...stored!.properties.app }).toEqual({ 'k+ey': 'v/al ue#' });
  });

  test('twin GET, reported patch, refused patch, method and desired patch', async () => {
    const client = await open(clientId);
    served.host.twins.set(clientId, { desired: { a: { b: 1 }, $version: 4 }, reported: { $version: 1 } });
    const seen = await listenFully(client);
    const twin = await client.getTwin();
    expect(twin.properties.desired).toMatchObject({ a: { b: 1 }, $version: 4 });
    const update = (patch: object) =>
      new Promise<void>((resolve, reject) =>
        twin.properties.reported.update(patch, (error: Error | undefined) => (error ? reject(error) : resolve())),
      );
    await update({ state: 'on', gone: null });
    expect(served.host.twin(clientId).reported).toEqual({ state: 'on', $version: 2 });
    served.host.onPatch = async () => {
      throw new IotHubError(400, 400004, 'key "a.b" holds a dot');
    };
    await expect(update({ x: 1 })).rejects.toThrow('key "a.b" holds a dot');
    await expectReachable(clientId, seen, 1);
  });

  test('after a connection drop the session still delivers methods and desired patches', async () => {
    const client = await open(clientId);
    const seen = await listenFully(client);
    await expectReachable(clientId, seen, 1);
    served.gateway.kick(identityOf(clientId), 'test');
    await until(() => served.host.connects.length === 2, 'reconnect');
    expect(served.host.connects[1]).toMatchObject({ sessionPresent: true });
    await expectReachable(clientId, seen, 2);
  }, 20_000);

  test('after a token renewal (new connection, no SUBSCRIBE) it still does', async () => {
    const client = await open(clientId, {
      tokenRenewal: { tokenValidTimeInSeconds: 6, tokenRenewalMarginInSeconds: 4 },
    });
    const seen = await listenFully(client);
    await expectReachable(clientId, seen, 1);
    const subscribesBefore = served.host.subscribedInfos.length;
    await until(() => served.host.connects.length >= 2, 'renewal', 15_000);
    await until(() => served.gateway.connection(identityOf(clientId)) !== undefined, 'connection');
    expect(served.host.subscribedInfos).toHaveLength(subscribesBefore);
    await expectReachable(clientId, seen, 2);
  }, 30_000);
});

test('module input and device C2D messages arrive and are acknowledged', async () => {
  const module = (await open('d1/m1')) as InstanceType<typeof ModuleClient>;
  const device = (await open('d2')) as InstanceType<typeof Client>;
  const got: string[] = [];
  module.on('inputMessage', (input: string, message: { getData(): Buffer; messageId: string }) => {
    got.push(`${input}:${message.messageId}:${message.getData()}`);
    module.complete(message as never, () => undefined);
  });
  device.on('message', (message: { getData(): Buffer }) => {
    got.push(`c2d:${message.getData()}`);
    device.complete(message as never, () => undefined);
  });
  await until(() => served.host.subscribedInfos.length === 2, 'two subscriptions');
  const aMessage = (text: string) => ({
    properties: { system: { messageId: 'm1' }, app: { a: 'b' } },
    body: Buffer.from(text),
  });
  expect(await served.gateway.input({ deviceId: 'd1', moduleId: 'm1' }, 'in1', aMessage('one'))).toBe('acked');
  expect(await served.gateway.c2d({ deviceId: 'd2' }, aMessage('two'))).toBe('acked');
  await until(() => got.length === 2, 'both messages');
  expect(got.sort()).toEqual(['c2d:two', 'in1:m1:one']);
});

test('WebSocket: open, telemetry and twin', async () => {
  const text = `HostName=localhost;DeviceId=d1;SharedAccessKey=${KEY}`;
  served.host.authenticate = async (request) => ({ ok: true, identity: request.identity });
  const client = Client.fromConnectionString(text, MqttWs);
  clients.push(client);
  // The SDK's WebSocket port is fixed; an agent's own port wins over the request's.
  const webSocketAgent = new https.Agent({ port: served.httpsPort, ca: served.ca.pem } as https.AgentOptions);
  await client.setOptions({ ca: served.ca.pem, mqtt: { webSocketAgent } });
  await client.open();
  await client.sendEvent(new Message(Buffer.alloc(200 * 1024, 7)));
  expect(served.host.messages[0]!.body).toHaveLength(200 * 1024);
  expect((await client.getTwin()).properties.reported).toMatchObject({ $version: 1 });
  expect(served.host.connects[0]).toMatchObject({ transport: 'mqtt-websocket' });
});

test('a wrong key fails the first open at once', async () => {
  const text = connectionString('d1').replace(KEY, Buffer.from('wrong').toString('base64'));
  const client = Client.fromConnectionString(text, Mqtt);
  clients.push(client);
  await client.setOptions({ ca: served.ca.pem });
  await expect(client.open()).rejects.toThrow('Not authorized');
});

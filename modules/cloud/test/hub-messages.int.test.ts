// Cloud-to-device messages from the unmodified azure-iothub Client over AMQP to the unmodified device SDK over MQTT, and feedback back
// (cloud.md 2.10); the same over HTTPS as `az iot device c2d-message` asks (2.9).

import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import iotCommon from 'azure-iot-common';
import rhea, { type AmqpError, type EventContext } from 'rhea';
import { WebSocket } from 'ws';
import { type AnyClient, failureOf, type HubUnderTest, sas, startHub, until } from './hub-under-test.ts';

/** The suite shares its machine with others. */
jest.setTimeout(120_000);

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

type DeviceMessage = InstanceType<typeof iotCommon.Message>;

interface FeedbackReceiver {
  on(event: 'message', listener: (message: DeviceMessage) => void): void;
  complete(message: DeviceMessage): Promise<unknown>;
}

interface Feedback {
  originalMessageId: string;
  statusCode: string;
  deviceId: string;
  deviceGenerationId: string;
}

function collect(client: AnyClient): DeviceMessage[] {
  const got: DeviceMessage[] = [];
  client.on('message', (message: DeviceMessage) => {
    got.push(message);
    (client as never as { complete(message: DeviceMessage, done: () => void): void }).complete(
      message,
      () => undefined,
    );
  });
  return got;
}

async function feedbackOf(backEnd: ReturnType<HubUnderTest['messages']>): Promise<Feedback[]> {
  const records: Feedback[] = [];
  const { result } = (await backEnd.getFeedbackReceiver()) as never as { result: FeedbackReceiver };
  result.on('message', (message) => {
    records.push(...(JSON.parse(Buffer.from(message.getData() as Buffer).toString()) as Feedback[]));
    void result.complete(message);
  });
  return records;
}

const count = async (deviceId: string) =>
  ((await hub.request({ path: `/devices/${deviceId}` })).json as { cloudToDeviceMessageCount: number })
    .cloudToDeviceMessageCount;

describe('by AMQP to MQTT', () => {
  test('send to a device that listens, with all properties; positive feedback names it', async () => {
    await hub.registry().create({ deviceId: 'here' });
    const device = await hub.open('here');
    const got = collect(device);
    const backEnd = hub.messages();
    await backEnd.open();
    const records = await feedbackOf(backEnd);
    const message = new iotCommon.Message(JSON.stringify({ n: 1 }));
    message.messageId = 'first-1';
    message.correlationId = 'corr';
    message.ack = 'full';
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('k ey', 'v/al & ue#');
    await backEnd.send('here', message);
    await until(() => got.length === 1, 'the message');
    expect(got[0]?.getData().toString()).toBe('{"n":1}');
    expect(got[0]).toMatchObject({
      ...{ messageId: 'first-1', correlationId: 'corr' },
      ...{ contentType: 'application/json', contentEncoding: 'utf-8', to: '/devices/here/messages/devicebound' },
    });
    expect(got[0]?.properties.getValue('k ey')).toBe('v/al & ue#');
    await until(() => records.length === 1, 'its feedback');
    expect(records[0]).toMatchObject({
      ...{ originalMessageId: 'first-1', statusCode: 'Success', deviceId: 'here' },
      deviceGenerationId: (await hub.platform.getDevice('here'))?.generationId,
    });
    await until(async () => (await count('here')) === 0, 'an empty queue');
    await backEnd.close();
  });

  test('a UUID as message id stays one; a body of bytes arrives as it was', async () => {
    await hub.registry().create({ deviceId: 'uuid' });
    const got = collect(await hub.open('uuid'));
    const backEnd = hub.messages();
    const body = Buffer.from([0, 255, 128, 10]);
    const message = new iotCommon.Message(body);
    message.messageId = '7c53ef95-1b9a-4b27-8f8b-2d2c5b1a9f3e';
    await backEnd.send('uuid', message);
    await until(() => got.length === 1, 'the message');
    expect([got[0]?.messageId, Buffer.from(got[0]?.getBytes() as Buffer)]).toEqual([message.messageId, body]);
    await backEnd.close();
  });

  test('messages wait for a device that is away, over a restart of the hub, and come in order', async () => {
    await hub.registry().create({ deviceId: 'away' });
    const backEnd = hub.messages();
    for (let n = 0; n < 25; n += 1) await backEnd.send('away', `${n}`);
    await backEnd.close();
    expect(await count('away')).toBe(25);
    await hub.restart();
    const got = collect(await hub.open('away'));
    await until(() => got.length >= 25, 'all messages');
    expect(got.map((message) => message.getData().toString())).toEqual(Array.from({ length: 25 }, (_, n) => `${n}`));
    await until(async () => (await count('away')) === 0, 'an empty queue');
  });

  test('the 51st message is refused as DeviceMaximumQueueDepthExceeded; a purge makes room and says so', async () => {
    await hub.registry().create({ deviceId: 'full' });
    const backEnd = hub.messages();
    const records = await feedbackOf(backEnd);
    const message = new iotCommon.Message('x');
    message.messageId = 'asked';
    message.ack = 'negative';
    await backEnd.send('full', message);
    await Promise.all(Array.from({ length: 49 }, (_, n) => backEnd.send('full', `${n}`)));
    expect(await failureOf(backEnd.send('full', 'one more'))).toMatchObject({
      name: 'DeviceMaximumQueueDepthExceededError',
    });
    const purged = await hub.request({ method: 'DELETE', path: '/devices/full/commands?api-version=2021-04-12' });
    expect(purged.json).toEqual({ deviceId: 'full', moduleId: null, totalMessagesPurged: 50 });
    await backEnd.send('full', 'room');
    expect(await count('full')).toBe(1);
    await until(() => records.some((record) => record.statusCode === 'Purged'), 'feedback of the purge');
    await backEnd.close();
  });

  test('expired messages are told and never delivered', async () => {
    await hub.registry().create({ deviceId: 'late' });
    const backEnd = hub.messages();
    const records = await feedbackOf(backEnd);
    const message = new iotCommon.Message('old');
    message.messageId = 'old';
    message.ack = 'full';
    message.expiryTimeUtc = Date.now() + 100;
    await backEnd.send('late', message);
    await until(() => records.some((record) => record.statusCode === 'Expired'), 'feedback of the expiry');
    expect(await count('late')).toBe(0);
    await backEnd.close();
  });

  test('an unknown device, too large a message, a policy without the right', async () => {
    const backEnd = hub.messages();
    expect((await failureOf(backEnd.send('nobody', 'x'))).name).toBe('DeviceNotFoundError');
    await hub.registry().create({ deviceId: 'big' });
    expect((await failureOf(backEnd.send('big', 'x'.repeat(70_000)))).name).toBe('MessageTooLargeError');
    await backEnd.send('big', 'x'.repeat(60_000));
    await backEnd.close();
    const reader = hub.messages('registryRead');
    reader.setRetryPolicy(new iotCommon.NoRetry());
    expect((await failureOf(reader.open())).message).toContain('Could not connect');
    expect(hub.log.join('')).toContain('AMQP client refused');
  });

  test('what is no AMQP, and frames beyond the bound, end the connection', async () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('414d515003010000ffffffff02010000', 'hex'),
    ]) {
      const socket = connect({ port: hub.amqpPort, host: 'localhost', ca: hub.ca });
      socket.on('error', () => undefined);
      socket.write(bytes);
      socket.resume();
      await new Promise((resolve) => socket.once('close', resolve));
    }
  });
});

describe('other ways in', () => {
  const token = () => {
    const key = /SharedAccessKey=(.*)$/.exec(hub.platform.connectionStrings().service)?.[1] ?? '';
    return sas({ key, policy: 'service' });
  };

  /** Sends one message and resolves with how it was settled. */
  async function sendBy(options: object): Promise<string> {
    const container = rhea.create_container();
    return await new Promise<string>((resolve) => {
      const connection = container.connect({ reconnect: false, ...options } as never);
      const end = (how: string) => {
        connection.close();
        resolve(how);
      };
      const sender = connection.open_sender('/messages/devicebound');
      container.once('sendable', () => sender.send({ to: '/devices/ways/messages/devicebound', body: 'text' }));
      container.on('accepted', () => end('accepted'));
      container.on('rejected', ({ delivery }: EventContext) =>
        end(`rejected ${delivery?.remote_state?.error?.condition}`),
      );
      container.on('sender_error', ({ sender: failed }: EventContext) =>
        end(`${(failed?.error as AmqpError)?.condition}`),
      );
      container.on('connection_error', () => end('connection error'));
      container.on('disconnected', () => resolve('disconnected'));
      container.on('error', () => end('error'));
    });
  }
  const tlsTo = () => ({ transport: 'tls', host: 'localhost', port: hub.amqpPort, ca: hub.ca });

  test('SASL PLAIN with a token as password; no token, a wrong one or another policy name: refused', async () => {
    await hub.registry().create({ deviceId: 'ways' });
    const user = 'service@sas.root.localhost';
    expect(await sendBy({ ...tlsTo(), username: user, password: token() })).toBe('accepted');
    expect(await count('ways')).toBe(1);
    expect(await sendBy({ ...tlsTo(), username: user, password: token().replace('sig=', 'sig=A') })).not.toBe(
      'accepted',
    );
    expect(await sendBy({ ...tlsTo(), username: 'iothubowner@sas.root.localhost', password: token() })).not.toBe(
      'accepted',
    );
    expect(await sendBy(tlsTo())).toBe('amqp:unauthorized-access');
    expect(await count('ways')).toBe(1);
  });

  test('over WebSocket on the HTTPS port, beside MQTT on the same path', async () => {
    const url = `wss://localhost:${hub.httpsPort}/$iothub/websocket`;
    const connectTo = rhea.websocket_connect(WebSocket as never) as unknown as (...with_: unknown[]) => unknown;
    const options = (protocol: string) => ({ connection_details: connectTo(url, protocol, { ca: hub.ca }) });
    const credentials = { username: 'service@sas.root.localhost', password: token() };
    const before = await count('ways');
    expect(await sendBy({ ...options('AMQPWSB10'), ...credentials })).toBe('accepted');
    expect(await count('ways')).toBe(before + 1);
    const refused = new WebSocket(url, 'other', { ca: hub.ca });
    const [error] = (await once(refused, 'error')) as [Error];
    expect(error.message).toContain('400');
  });
});

describe('over HTTPS', () => {
  const inbox = '/devices/web/messages/devicebound';
  const api = '?api-version=2019-10-01';

  test('receive, abandon, complete and reject by lock token, as az does', async () => {
    await hub.registry().create({ deviceId: 'web' });
    const sent = await hub.request({
      method: 'POST',
      path: `/messages/devicebound${api}`,
      headers: {
        'iothub-to': inbox,
        'iothub-messageid': 'w1',
        'iothub-ack': 'full',
        'iothub-app-Level': 'high',
        'iothub-contenttype': 'text/plain',
      },
      body: 'hello',
    });
    expect([sent.status, sent.headers.get('iothub-sequencenumber')]).toEqual([204, '1']);
    const receive = () => hub.request({ path: `${inbox}${api}`, headers: { 'IotHub-MessageLockTimeout': '60' } });
    const first = await receive();
    expect([first.status, first.text]).toEqual([200, 'hello']);
    expect(Object.fromEntries(first.headers)).toMatchObject({
      ...{ 'iothub-messageid': 'w1', 'iothub-sequencenumber': '1', 'iothub-deliverycount': '1', 'iothub-ack': 'full' },
      ...{ 'iothub-to': inbox, 'iothub-app-level': 'high', 'iothub-contenttype': 'text/plain' },
      'content-type': expect.stringContaining('text/plain'),
    });
    const tokenOf = (answer: typeof first) => (answer.headers.get('etag') ?? '').replaceAll('"', '');
    expect((await receive()).status).toBe(204);
    const abandoned = await hub.request({ method: 'POST', path: `${inbox}/${tokenOf(first)}/abandon${api}` });
    expect(abandoned.status).toBe(204);
    const again = await receive();
    expect(again.headers.get('iothub-deliverycount')).toBe('2');
    const stale = await hub.request({ method: 'DELETE', path: `${inbox}/${tokenOf(first)}${api}` });
    expect([stale.status, stale.headers.get('iothub-errorcode')]).toEqual([412, 'DeviceMessageLockLost']);
    expect((await hub.request({ method: 'DELETE', path: `${inbox}/${tokenOf(again)}${api}&reject=` })).status).toBe(
      204,
    );
    expect((await receive()).status).toBe(204);
  });

  test('a device reads its own inbox and no other one', async () => {
    await hub.registry().create({ deviceId: 'other' });
    const key = (await hub.platform.getDevice('other'))?.primaryKey ?? '';
    const token = sas({ key, resource: 'localhost/devices/other' });
    expect((await hub.request({ path: `/devices/other/messages/devicebound${api}`, token })).status).toBe(204);
    expect((await hub.request({ path: `${inbox}${api}`, token })).status).toBe(401);
    expect((await hub.request({ method: 'POST', path: '/messages/devicebound', token, body: 'x' })).status).toBe(401);
  });
});

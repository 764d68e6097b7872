import { describe, expect, test } from '@jest/globals';
import { aBench } from '../test/memory-gateway.ts';
import { HUB_HOST, tokenFor, until } from '../test/memory-host.ts';
import { connectPacket } from '../test/raw-client.ts';

describe('CONNECT', () => {
  test('is accepted with a valid token, session-present from the second time on', async () => {
    const { client, host } = aBench();
    expect(await client().connect('d1/m1')).toMatchObject({ returnCode: 0, sessionPresent: false });
    expect(await client().connect('d1/m1')).toMatchObject({ returnCode: 0, sessionPresent: true });
    expect(host.connects).toHaveLength(2);
  });

  test.each([
    ['wrong key', { password: Buffer.from(tokenFor('d1', 3600, 'd3Jvbmc=')) }, 5],
    ['no password', { password: undefined }, 5],
    ['expired token', { password: Buffer.from(tokenFor('d1', -10)) }, 5],
    ['client id of another device', { clientId: 'd2' }, 2],
    ['client id with three parts', { clientId: 'd1/m/x' }, 2],
    ['user name that is none', { username: 'nonsense' }, 4],
    ['token of another device', { password: Buffer.from(tokenFor('d2')) }, 5],
    ['MQTT 5', { protocolVersion: 5 as const }, 1],
    ['MQTT 3.1', { protocolVersion: 3 as const, protocolId: 'MQIsdp' as const }, 1],
    ["will on another device's topic", { will: { topic: 'devices/d2/messages/events/', payload: 'x' } }, 5],
    ['will on a wild topic', { will: { topic: '$iothub/twin/res/200/?$rid=1', payload: 'x' } }, 5],
  ])('is refused: %s', async (_name, override, code) => {
    const { client, host } = aBench();
    const raw = client();
    expect(await raw.connect('d1', override)).toMatchObject({ returnCode: code, sessionPresent: false });
    await raw.waitForClose();
    expect(host.connects).toHaveLength(0);
    expect(host.refusals).toMatchObject([{ code }]);
  });

  test('answers 3 when the host fails or does not answer in time', async () => {
    const failing = aBench();
    failing.host.authenticate = async () => {
      throw new Error('database is gone');
    };
    expect(await failing.client().connect('d1')).toMatchObject({ returnCode: 3 });
    const silent = aBench({ limits: { authenticateTimeoutMs: 20 } });
    silent.host.authenticate = () => new Promise(() => undefined);
    expect(await silent.client().connect('d1')).toMatchObject({ returnCode: 3 });
  });

  test('is refused when the host finds another identity behind the credentials', async () => {
    const { client, host } = aBench();
    host.authenticate = async () => ({ ok: true, identity: { deviceId: 'other' } });
    expect(await client().connect('d1')).toMatchObject({ returnCode: 5 });
  });

  test('must come within the time limit', async () => {
    const { client } = aBench({ limits: { connectTimeoutMs: 30 } });
    await client().waitForClose();
  });

  test('that came in time may be judged for longer than it took to come', async () => {
    const { client, host } = aBench({ limits: { connectTimeoutMs: 20 } });
    const judge = host.authenticate.bind(host);
    host.authenticate = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return judge(request);
    };
    expect(await client().connect('d1')).toMatchObject({ returnCode: 0 });
  });

  test('must be the first packet, and the only one of its kind', async () => {
    const { client } = aBench();
    const early = client();
    early.send({ cmd: 'pingreq' });
    await early.waitForClose();
    const twice = client();
    await twice.connect('d1');
    twice.send(connectPacket('d1'));
    await twice.waitForClose();
  });

  test('packets that follow at once are handled after CONNACK, in order', async () => {
    const { client, host } = aBench();
    const raw = client();
    raw.send(
      connectPacket('d1'),
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$iothub/methods/POST/#', qos: 0 }] },
      {
        cmd: 'publish',
        topic: 'devices/d1/messages/events/',
        payload: 'x',
        qos: 1,
        messageId: 2,
        dup: false,
        retain: false,
      },
    );
    await raw.waitFor('puback');
    expect(raw.received.map((packet) => packet.cmd)).toEqual(['connack', 'suback', 'puback']);
    expect(host.messages).toHaveLength(1);
  });

  test('of the same identity takes over: the old connection closes and its end is not reported', async () => {
    const { client, host, gateway } = aBench();
    const loser = client();
    await loser.connect('d1');
    const winner = client();
    await winner.connect('d1');
    await loser.waitForClose();
    expect(host.disconnects).toEqual([]);
    expect(gateway.connection({ deviceId: 'd1' })?.epoch).toBe(2);
    winner.send({ cmd: 'disconnect' });
    await until(() => host.disconnects.length === 1, 'disconnect of the winner');
    expect(host.disconnects).toEqual([{ clientId: 'd1', epoch: 2, reason: 'client' }]);
  });

  test('clean session forgets the stored session and stores none', async () => {
    const { client, host } = aBench();
    const first = client();
    await first.connect('d1');
    expect(host.stored.has('d1')).toBe(true);
    const clean = client();
    expect(await clean.connect('d1', { clean: true })).toMatchObject({ sessionPresent: false });
    clean.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$iothub/methods/POST/#', qos: 0 }] });
    await clean.waitFor('suback');
    expect(host.stored.has('d1')).toBe(false);
  });

  test('connection ends when its token expires', async () => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1', { password: Buffer.from(tokenFor('d1', 1)) });
    await raw.waitForClose();
    expect(host.disconnects).toMatchObject([{ reason: 'token-expired' }]);
  });

  test('connection ends 1.5 keep-alives after the last packet', async () => {
    const { client, host } = aBench({ limits: { keepAliveTimeoutMsMax: 80 } });
    const raw = client();
    await raw.connect('d1', { keepalive: 1 });
    raw.send({ cmd: 'pingreq' });
    await raw.waitFor('pingresp');
    await raw.waitForClose();
    expect(host.disconnects).toMatchObject([{ reason: 'keep-alive' }]);
  });

  test('user name without a question mark and with more properties is understood', async () => {
    const { client, host } = aBench();
    const username = `${HUB_HOST}/d1/?api-version=2018-06-30&DeviceClientType=${encodeURIComponent('azure-iot-device/1.18 (x; y)')}`;
    await client().connect('d1', { username });
    expect(host.connects[0]?.clientType).toBe('azure-iot-device/1.18 (x; y)');
    expect(await client().connect('d2', { username: `${HUB_HOST}/d2/api-version=2018-06-30` })).toMatchObject({
      returnCode: 0,
    });
  });
});

describe('will', () => {
  const will = {
    topic: 'devices/d1/messages/events/a=b',
    payload: Buffer.from('gone'),
    qos: 1 as const,
    retain: false,
  };

  test('becomes telemetry when the connection is lost', async () => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1', { will });
    raw.socket.destroy();
    await until(() => host.messages.length === 1, 'will');
    expect(host.messages[0]).toMatchObject({ identity: { deviceId: 'd1' }, body: Buffer.from('gone') });
    expect({ ...host.messages[0]!.properties.app }).toEqual({ a: 'b', 'iothub-MessageType': 'Will' });
  });

  test('is forgotten at DISCONNECT', async () => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1', { will });
    raw.send({ cmd: 'disconnect' });
    await until(() => host.disconnects.length === 1, 'disconnect');
    expect(host.messages).toEqual([]);
  });
});

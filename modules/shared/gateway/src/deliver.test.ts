import { describe, expect, test } from '@jest/globals';
import { aBench, type Bench } from '../test/memory-gateway.ts';
import { until } from '../test/memory-host.ts';
import type { RawClient } from '../test/raw-client.ts';
import { EDGE_POLICY, type OutboundMessage, sessionFromBits, sessionToBits } from './index.ts';

const module1 = { deviceId: 'd1', moduleId: 'm1' };
const aMessage = (text: string): OutboundMessage => ({
  properties: { system: { messageId: 'm' }, app: { a: '1' } },
  body: Buffer.from(text),
});

async function connected(bench: Bench, clientId = 'd1/m1'): Promise<RawClient> {
  const raw = bench.client();
  await raw.connect(clientId);
  return raw;
}
async function subscribe(raw: RawClient, ...filters: [string, 0 | 1 | 2][]) {
  const before = raw.of('suback').length;
  raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: filters.map(([topic, qos]) => ({ topic, qos })) });
  return (await raw.waitFor('suback', before + 1)).at(-1)!.granted;
}

describe('SUBSCRIBE', () => {
  test('grants the own topics, QoS 2 as 1, and refuses the rest in the cloud', async () => {
    const bench = aBench();
    const raw = await connected(bench);
    const granted = await subscribe(
      raw,
      ['$iothub/twin/res/#', 0],
      ['$iothub/twin/PATCH/properties/desired/#', 1],
      ['$iothub/methods/POST/#', 2],
      ['devices/d1/modules/m1/inputs/#', 1],
      ['devices/d2/messages/devicebound/#', 1],
      ['devices/d1/modules/m2/inputs/#', 1],
      ['#', 1],
      ['$SYS/#', 0],
    );
    expect(granted).toEqual([0, 1, 1, 1, 128, 128, 128, 128]);
    expect(bench.host.stored.get('d1/m1')).toEqual({
      subscriptions: { twinRes: 0, desired: 1, methods: 1, inputs: 1 },
    });
  });

  test('edgeHub grants unknown filters and ignores them', async () => {
    const bench = aBench({ policy: EDGE_POLICY });
    const raw = await connected(bench);
    expect(await subscribe(raw, ['any/thing', 2])).toEqual([1]);
    expect(bench.host.stored.get('d1/m1')).toEqual({ subscriptions: {} });
  });

  test('is stored before it is acknowledged, and outlives the connection until UNSUBSCRIBE', async () => {
    const bench = aBench();
    const raw = await connected(bench);
    let release = () => {};
    const save = bench.host.sessions.save;
    bench.host.sessions.save = async (...args) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return save(...args);
    };
    raw.send({
      cmd: 'subscribe',
      messageId: 3,
      subscriptions: [{ topic: '$iothub/twin/PATCH/properties/desired/#', qos: 0 }],
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(raw.of('suback')).toEqual([]);
    release();
    await raw.waitFor('suback');
    raw.socket.destroy();
    bench.host.sessions.save = save;

    const again = await connected(bench);
    expect(bench.gateway.desired(module1, { a: null }, 4)).toBe(true);
    const [patch] = await again.waitFor('publish');
    expect(patch!.topic).toBe('$iothub/twin/PATCH/properties/desired/?$version=4');
    expect(JSON.parse(patch!.payload.toString())).toEqual({ a: null, $version: 4 });
    again.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['$iothub/twin/PATCH/properties/desired/#'] });
    await again.waitFor('unsuback');
    expect(bench.gateway.desired(module1, {}, 5)).toBe(false);
  });

  test.each([0, 11])('%i filters close the connection', async (count) => {
    const bench = aBench();
    const raw = await connected(bench);
    const filter = Buffer.from([0, 1, 0x61, 0]);
    raw.sendBytes(Buffer.concat([Buffer.from([0x82, 2 + count * 4, 0, 1]), ...Array(count).fill(filter)]));
    await raw.waitForClose();
  });
});

describe('deliveries', () => {
  test('a method call goes out without a subscription; not to a client that is away', async () => {
    const bench = aBench();
    const raw = await connected(bench);
    expect(bench.gateway.method(module1, { name: 'ping', rid: '9', body: '{"a":1}' })).toBe(true);
    const [call] = await raw.waitFor('publish');
    expect(call).toMatchObject({ topic: '$iothub/methods/POST/ping/?$rid=9', qos: 0 });
    expect(bench.gateway.method({ deviceId: 'd9' }, { name: 'ping', rid: '9', body: '' })).toBe(false);
  });

  test('an input message is acked by PUBACK, gone when the connection ends first, repeated with DUP', async () => {
    const bench = aBench();
    const raw = await connected(bench);
    const first = bench.gateway.input(module1, 'in1', aMessage('one'));
    const [packet] = await raw.waitFor('publish');
    expect(packet).toMatchObject({ topic: 'devices/d1/modules/m1/inputs/in1/%24.mid=m&a=1', qos: 1, dup: false });
    raw.send({ cmd: 'puback', messageId: packet!.messageId! });
    expect(await first).toBe('acked');
    const second = bench.gateway.input(module1, 'in1', aMessage('two'));
    await raw.waitFor('publish', 2);
    raw.socket.destroy();
    expect(await second).toBe('gone');
    expect(await bench.gateway.input(module1, 'in1', aMessage('two'))).toBe('gone');
    const again = await connected(bench);
    const third = bench.gateway.input(module1, 'in1', { ...aMessage('two'), duplicate: true });
    const [repeated] = await again.waitFor('publish');
    expect(repeated).toMatchObject({ dup: true, payload: Buffer.from('two') });
    again.send({ cmd: 'puback', messageId: repeated!.messageId! });
    expect(await third).toBe('acked');
  });

  test('a window that is full says so; a PUBACK that comes too late acknowledges nothing else', async () => {
    const bench = aBench({ limits: { unackedDeliveriesMax: 2, deliveryAckTimeoutMs: 20 } });
    const raw = await connected(bench);
    const both = [bench.gateway.input(module1, 'i', aMessage('1')), bench.gateway.input(module1, 'i', aMessage('2'))];
    expect(await bench.gateway.input(module1, 'i', aMessage('3'))).toBe('full');
    expect(await Promise.all(both)).toEqual(['timeout', 'timeout']);
    const [late] = await raw.waitFor('publish');
    raw.send({ cmd: 'puback', messageId: late!.messageId! });
    raw.send({ cmd: 'pingreq' });
    await raw.waitFor('pingresp');
    expect(await bench.gateway.input(module1, 'i', aMessage('4'))).toBe('timeout');
    expect(await bench.gateway.input(module1, 'i', aMessage('5'))).toBe('gone');
    await raw.waitForClose();
    expect(bench.host.disconnects).toMatchObject([{ reason: 'slow-reader' }]);
  });

  test('a subscription with QoS 0 gets QoS 0', async () => {
    const bench = aBench();
    const raw = await connected(bench, 'd1');
    await subscribe(raw, ['devices/d1/messages/devicebound/#', 0]);
    expect(await bench.gateway.c2d({ deviceId: 'd1' }, aMessage('x'))).toBe('acked');
    expect((await raw.waitFor('publish'))[0]).toMatchObject({
      qos: 0,
      topic: 'devices/d1/messages/devicebound/%24.mid=m&a=1',
    });
  });

  test('a reader that takes nothing is cut at the outbound limit, others live on', async () => {
    const bench = aBench({ limits: { outboundBytesMax: 100_000 } });
    const slow = await connected(bench);
    const other = await connected(bench, 'd2');
    slow.socket.pause();
    slow.socket.removeAllListeners('data');
    for (let n = 0; n < 200; n++)
      bench.gateway.method(module1, { name: 'm', rid: String(n), body: 'x'.repeat(10_000) });
    expect(bench.gateway.connection(module1)).toBeUndefined();
    expect(bench.host.disconnects).toMatchObject([{ clientId: 'd1/m1', reason: 'slow-reader' }]);
    other.send({ cmd: 'pingreq' });
    await other.waitFor('pingresp');
  });

  test('kick closes, but never a younger connection than the one meant', async () => {
    const bench = aBench();
    const raw = await connected(bench);
    const epoch = bench.gateway.connection(module1)!.epoch;
    expect(bench.gateway.kick(module1, 'test', epoch - 1)).toBe(false);
    expect(bench.gateway.kick(module1, 'test', epoch)).toBe(true);
    await raw.waitForClose();
    expect(bench.host.disconnects).toMatchObject([{ reason: 'kicked' }]);
  });

  test('close() ends every connection', async () => {
    const bench = aBench();
    const [accepted, silent] = [await connected(bench), bench.client()];
    await bench.gateway.close();
    await Promise.all([accepted.waitForClose(), silent.waitForClose()]);
    await until(() => bench.gateway.connections().length === 0, 'no connection');
  });
});

test('sessions as bits: every family and QoS comes back', () => {
  for (let bits = 0; bits < 1024; bits++) {
    const session = sessionFromBits(bits);
    expect(sessionFromBits(sessionToBits(session))).toEqual(session);
  }
  expect(sessionToBits({ subscriptions: { twinRes: 0, inputs: 1 } })).toBe(0b11_00000001);
});

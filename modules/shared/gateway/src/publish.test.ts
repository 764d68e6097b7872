import { describe, expect, test } from '@jest/globals';
import type { IPublishPacket } from 'mqtt-packet';
import { aBench } from '../test/memory-gateway.ts';
import { until } from '../test/memory-host.ts';
import { EDGE_POLICY, IotHubError } from './index.ts';

function aPublish(topic: string, payload: string | Buffer, override: Partial<IPublishPacket> = {}): IPublishPacket {
  return { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...override };
}
const events = (payload: string, messageId: number) =>
  aPublish('devices/d1/messages/events/', payload, { qos: 1, messageId });

describe('telemetry', () => {
  test('is acknowledged after it was stored, in the order it came', async () => {
    const { client, host } = aBench();
    const finish: (() => void)[] = [];
    host.onTelemetry = () => new Promise((resolve) => void finish.push(resolve));
    const raw = client();
    await raw.connect('d1');
    raw.send(events('a', 7), events('b', 8), events('c', 9));
    await until(() => host.messages.length === 3, 'three messages');
    finish[2]!();
    finish[1]!();
    raw.send({ cmd: 'pingreq' });
    await raw.waitFor('pingresp');
    expect(raw.of('puback')).toEqual([]);
    finish[0]!();
    expect((await raw.waitFor('puback', 3)).map((packet) => packet.messageId)).toEqual([7, 8, 9]);
  });

  test('that could not be stored gets no PUBACK: the connection closes', async () => {
    const { client, host } = aBench();
    host.onTelemetry = async () => {
      throw new Error('disk full');
    };
    const raw = client();
    await raw.connect('d1');
    raw.send(events('a', 1));
    await raw.waitForClose();
    expect(raw.of('puback')).toEqual([]);
    expect(host.disconnects).toMatchObject([{ reason: 'not-stored' }]);
  });

  test('no more than the window are with the host; reading goes on when they are settled', async () => {
    const { client, host } = aBench({ limits: { uncommittedPublishesMax: 4, uncommittedPublishesResume: 2 } });
    const finish: (() => void)[] = [];
    host.onTelemetry = () => new Promise((resolve) => void finish.push(resolve));
    const raw = client();
    await raw.connect('d1');
    raw.send(...Array.from({ length: 10 }, (_, n) => events(String(n), n + 1)));
    await until(() => host.messages.length === 4, 'the window');
    await new Promise((resolve) => setImmediate(resolve));
    expect(host.messages).toHaveLength(4);
    for (let settled = 0; settled < 10; settled++) {
      await until(() => finish.length > settled, 'next message');
      finish[settled]!();
    }
    await raw.waitFor('puback', 10);
    expect(host.messages.map((message) => message.body.toString())).toEqual([...'0123456789']);
  });

  test('carries its properties; the retain flag becomes one', async () => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1/m1');
    const bag = '%24.on=out1&%24.mid=m%201%2F2&%24.ct=application%2Fjson&k%2Bey=v%2Fal%20ue%23/';
    raw.send(aPublish(`devices/d1/modules/m1/messages/events/${bag}`, 'x', { retain: true }));
    await until(() => host.messages.length === 1, 'message');
    const { properties, identity } = host.messages[0]!;
    expect(identity).toEqual({ deviceId: 'd1', moduleId: 'm1' });
    expect({ ...properties.system }).toEqual({
      outputName: 'out1',
      messageId: 'm 1/2',
      contentType: 'application/json',
    });
    expect({ ...properties.app }).toEqual({ 'k+ey': 'v/al ue#', 'mqtt-retain': 'true' });
  });

  test.each([
    ['of another device', 'devices/d2/messages/events/', 'forbidden-topic'],
    ['of a module of the device', 'devices/d1/modules/m1/messages/events/', 'forbidden-topic'],
    ['to a topic of the server', '$iothub/twin/res/200/?$rid=1', 'unknown-topic'],
    ['to a wildcard', 'devices/d1/messages/events/#', 'protocol-error'],
    ['with a broken property bag', 'devices/d1/messages/events/a=%zz', 'protocol-error'],
    ['twin GET without $rid', '$iothub/twin/GET/?$rid=', 'protocol-error'],
    ['QoS 2', 'devices/d1/messages/events/', 'protocol-error', { qos: 2 as const, messageId: 1 }],
  ])('closes the connection in the cloud: %s', async (_name, topic, reason, override: Partial<IPublishPacket> = {}) => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1');
    raw.send(aPublish(topic, 'x', override));
    await raw.waitForClose();
    expect(host.messages).toEqual([]);
    expect(host.disconnects).toMatchObject([{ reason }]);
  });

  test('edgeHub acknowledges and drops what it does not know, but not what belongs to others', async () => {
    const { client, host } = aBench({ policy: EDGE_POLICY });
    const raw = client();
    await raw.connect('d1');
    raw.send(aPublish('some/topic', 'x', { qos: 1, messageId: 5 }));
    raw.send(aPublish('devices/d1/messages/events/', Buffer.alloc(256 * 1024 + 1), { qos: 1, messageId: 6 }));
    expect((await raw.waitFor('puback', 2)).map((packet) => packet.messageId)).toEqual([5, 6]);
    raw.send(aPublish('devices/d2/messages/events/', 'x', { qos: 1, messageId: 7 }));
    await raw.waitForClose();
    expect(host.messages).toEqual([]);
  });

  test('256 KiB pass, one byte more does not', async () => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1');
    raw.send(aPublish('devices/d1/messages/events/', Buffer.alloc(256 * 1024), { qos: 1, messageId: 1 }));
    await raw.waitFor('puback');
    raw.send(aPublish('devices/d1/messages/events/', Buffer.alloc(256 * 1024 + 1)));
    await raw.waitForClose();
    expect(host.messages).toHaveLength(1);
    expect(host.disconnects).toMatchObject([{ reason: 'message-too-large' }]);
  });
});

describe('twin requests', () => {
  test('GET answers 200 with both sections, even without a subscription', async () => {
    const { client } = aBench();
    const raw = client();
    await raw.connect('d1');
    raw.send(aPublish('$iothub/twin/GET/?$rid=a-1', ' '));
    const [answer] = await raw.waitFor('publish');
    expect(answer!.topic).toBe('$iothub/twin/res/200/?$rid=a-1');
    expect(JSON.parse(answer!.payload.toString())).toEqual({ desired: { $version: 1 }, reported: { $version: 1 } });
  });

  test('reported patches answer 204 with the version, in order', async () => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1');
    const delays = [15, 0];
    host.onPatch = () => new Promise((resolve) => setTimeout(resolve, delays.shift()));
    raw.send(aPublish('$iothub/twin/PATCH/properties/reported/?$rid=1', '{"a":1}'));
    raw.send(aPublish('$iothub/twin/PATCH/properties/reported/?$rid=2', '{"a":2}'));
    const answers = await raw.waitFor('publish', 2);
    expect(answers.map((answer) => answer.topic)).toEqual([
      '$iothub/twin/res/204/?$rid=1&$version=2',
      '$iothub/twin/res/204/?$rid=2&$version=3',
    ]);
    expect(host.twin('d1').reported).toEqual({ a: 2, $version: 3 });
  });

  test.each(['not json', '[1]', 'null', '"x"', ''])(
    'a patch that is no JSON object answers 400 with an errorCode: %s',
    async (body) => {
      const { client } = aBench();
      const raw = client();
      await raw.connect('d1');
      raw.send(aPublish('$iothub/twin/PATCH/properties/reported/?$rid=1', body));
      const [answer] = await raw.waitFor('publish');
      expect(answer!.topic).toBe('$iothub/twin/res/400/?$rid=1');
      expect(JSON.parse(answer!.payload.toString())).toEqual({
        errorCode: 400004,
        trackingId: expect.any(String),
        message: expect.stringContaining('JSON'),
        timestampUtc: expect.stringMatching(/^\d{4}-.*Z$/),
      });
    },
  );

  test("the host's refusal reaches the client, an inner failure only as 500", async () => {
    const { client, host } = aBench();
    const raw = client();
    await raw.connect('d1');
    const failures = [new IotHubError(412, 412001, 'Version is 5, wanted 4'), new Error('secret inner detail')];
    host.onPatch = async () => {
      throw failures.shift();
    };
    raw.send(aPublish('$iothub/twin/PATCH/properties/reported/?$rid=1', '{}'));
    raw.send(aPublish('$iothub/twin/PATCH/properties/reported/?$rid=2', '{}'));
    const [refused, failed] = await raw.waitFor('publish', 2);
    expect(refused!.topic).toBe('$iothub/twin/res/412/?$rid=1');
    expect(JSON.parse(refused!.payload.toString())).toMatchObject({
      errorCode: 412001,
      message: 'Version is 5, wanted 4',
    });
    expect(failed!.topic).toBe('$iothub/twin/res/500/?$rid=2');
    expect(failed!.payload.toString()).not.toContain('secret inner detail');
  });
});

test('a method result reaches the host with rid, status and body', async () => {
  const { client, host } = aBench();
  const raw = client();
  await raw.connect('d1/m1');
  raw.send(aPublish('$iothub/methods/res/-7/?$rid=abc', '{"ok":true}'));
  await until(() => host.methodResults.length === 1, 'method result');
  expect(host.methodResults).toEqual([{ clientId: 'd1/m1', rid: 'abc', status: -7, body: '{"ok":true}' }]);
});

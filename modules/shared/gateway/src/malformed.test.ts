import { describe, expect, test } from '@jest/globals';
import mqttPacket from 'mqtt-packet';
import { aBench } from '../test/memory-gateway.ts';
import { connectPacket } from '../test/raw-client.ts';

describe('malformed input', () => {
  test('a large packet is refused by its header, before and after CONNACK', async () => {
    const { client } = aBench();
    const early = client();
    early.sendBytes(Buffer.from([0x10, 0x81, 0x80, 0x01]));
    await early.waitForClose();
    const late = client();
    await late.connect('d1');
    late.sendBytes(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
    await late.waitForClose();
  });

  test('a remaining length of five bytes is refused', async () => {
    const raw = aBench().client();
    raw.sendBytes(Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x01]));
    await raw.waitForClose();
  });

  test('a CONNECT cut at any byte is waited for or refused, byte by byte delivery is accepted', async () => {
    const bench = aBench();
    const whole = mqttPacket.generate(connectPacket('d1'));
    const raw = bench.client();
    for (const byte of whole) raw.sendBytes(Buffer.from([byte]));
    expect((await raw.waitFor('connack'))[0]).toMatchObject({ returnCode: 0 });
    for (let cut = 3; cut < whole.length; cut += 7) {
      const bytes = Buffer.from(whole.subarray(0, cut));
      // The header says that this is all.
      bytes.writeUInt8(0x80 | ((cut - 3) & 0x7f), 1);
      bytes.writeUInt8((cut - 3) >> 7, 2);
      const cutClient = bench.client();
      cutClient.sendBytes(bytes);
      await Promise.race([cutClient.waitForClose(), cutClient.waitFor('connack')]);
    }
    expect(bench.host.connects).toHaveLength(1);
  });

  test('random bytes after CONNACK never bring the gateway down', async () => {
    const bench = aBench();
    // A fixed linear congruential generator: the same bytes in every run.
    let state = 12345;
    const next = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 16) & 0xff;
    };
    for (let round = 0; round < 200; round++) {
      const raw = bench.client();
      await raw.connect(`d${round}`);
      const body = Buffer.from(Array.from({ length: round % 60 }, next));
      raw.sendBytes(Buffer.concat([Buffer.from([next(), body.length]), body]));
      raw.socket.end();
      await raw.waitForClose();
    }
    expect(await bench.client().connect('still-there')).toMatchObject({ returnCode: 0 });
  });

  test.each(['connack', 'suback', 'pubrec', 'pubrel', 'pubcomp', 'unsuback', 'pingresp'] as const)(
    'a client may not send %s',
    async (cmd) => {
      const raw = aBench().client();
      await raw.connect('d1');
      const bytes = { connack: [0x20, 2, 0, 0], suback: [0x90, 3, 0, 1, 0], pingresp: [0xd0, 0] } as const;
      const pub = { pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70, unsuback: 0xb0 } as const;
      raw.sendBytes(Buffer.from(cmd in bytes ? bytes[cmd as 'connack'] : [pub[cmd as 'pubrec'], 2, 0, 1]));
      await raw.waitForClose();
    },
  );
});

import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { group, Sender } from '../../test/bgp-sender.ts';
import { createBench } from '../../test/node-bench.ts';
import { parseIpAddress } from '../addresses/ip-address.ts';
import { openRouting } from '../routing/open-routing.ts';
import { BgpIntake, RESYNC_PAUSE_MS } from './bgp-intake.ts';
import { readStream } from './bgp-rows.ts';
import { isTailLost, NO_STREAM, nextStep, type StreamEnd } from './route-stream.ts';

const end = (epoch: string, seq: number): StreamEnd => ({ ...NO_STREAM, epoch, seq });
const batch = (epoch: string, seq: number, kind: 'snapshot' | 'delta' = 'delta', parts = 1) => ({
  ...{ epoch, seq, kind, part: kind === 'snapshot' ? seq : 1, parts },
});

describe('nextStep()', () => {
  const held = { current: end('a', 5), next: NO_STREAM };
  const half = { current: end('a', 5), next: end('b', 2) };
  test.each([
    ['the next change', held, batch('a', 6), { do: 'apply', isSnapshot: false, to: { epoch: 'a' } }],
    ['a change that came already', held, batch('a', 5), { do: 'ignore' }],
    ['a change that came long ago', held, batch('a', 1), { do: 'ignore' }],
    ['a gap', held, batch('a', 7), { do: 'resync', why: 'batch 6 is missing, 7 came' }],
    ['a change of an unknown epoch', held, batch('x', 6), { do: 'resync' }],
    ['a snapshot within the epoch', held, batch('a', 6, 'snapshot', 6), { do: 'resync' }],
    ['a snapshot of one part', held, batch('b', 1, 'snapshot', 1), { do: 'apply', isSnapshot: true, isWhole: true }],
    ['a snapshot that begins', held, batch('b', 1, 'snapshot', 3), { do: 'apply', isWhole: false, to: end('b', 0) }],
    ['a snapshot that lost its beginning', held, batch('b', 2, 'snapshot', 3), { do: 'resync' }],
    ['its next part', half, batch('b', 3, 'snapshot', 4), { do: 'apply', isWhole: false, to: { epoch: 'b', seq: 2 } }],
    ['its last part', half, batch('b', 3, 'snapshot', 3), { do: 'apply', isWhole: true }],
    ['a part of it again', half, batch('b', 2, 'snapshot', 3), { do: 'ignore' }],
    ['a part left out', half, batch('b', 4, 'snapshot', 5), { do: 'resync' }],
    ['a change before it is whole', half, batch('b', 3), { do: 'resync' }],
    ['a change of the one in force meanwhile', half, batch('a', 6), { do: 'apply', isSnapshot: false }],
    ['another snapshot instead', half, batch('c', 1, 'snapshot', 2), { do: 'apply', drop: 'b' }],
  ])('%s', (_what, state, one, step) => {
    expect(nextStep(state, one)).toMatchObject(step);
  });
});

test.each([
  [null, false],
  [{ epoch: 'a', seq: 5 }, false],
  [{ epoch: 'a', seq: 6 }, true],
  [{ epoch: 'b', seq: 2 }, false],
  [{ epoch: 'b', seq: 3 }, true],
  [{ epoch: 'x', seq: 1 }, true],
])('isTailLost(%j) is %s', (said, lost) => {
  expect(isTailLost({ current: end('a', 5), next: end('b', 2) }, said)).toBe(lost);
});

async function createSetup() {
  const bench = await createBench();
  const { db, clock, accounts } = bench;
  await bench.aNode({ prefixSource: 'bgp' });
  const calls: string[] = [];
  const platform = Object.assign(bench.platform, {
    invokeMethod: async (device: string, module: string | undefined, call: { methodName: string }) => {
      calls.push(`${device}/${module} ${call.methodName}`);
      return { status: 200, payload: null };
    },
  });
  const start = async () => {
    const opened = await openRouting({ db, clock, logger: silentLogger, accounts }, await bench.nodes.list());
    opened.onJudged('edge1', { state: 'Healthy', reasons: [] });
    const { book, nodes } = opened;
    const intake = new BgpIntake({ db, platform, clock, logger: silentLogger, accounts, book, nodes });
    await intake.start();
    return { opened, intake };
  };
  let running = await start();
  const sender = new Sender();
  const send = async (json: object, messageType = 'bgpRoutes', moduleId = 'bgp') => {
    bench.platform.send({ moduleId, messageType, json });
    await running.intake.idle();
  };
  return {
    ...{ ...bench, calls, sender, send },
    restart: async () => {
      await running.intake.stop();
      running = await start();
    },
    stop: () => running.intake.stop(),
    review: () => running.intake.review('edge1'),
    at: (ip: string) => running.opened.routing.route(parseIpAddress(ip)!)?.name,
    space: () => running.opened.book.spaceReview(running.opened.routing.node('edge1')!, 'bgp'),
    prefixes: () => running.opened.routing.prefixes,
  };
}

describe('BgpIntake', () => {
  test('row 48: a snapshot is routed when it is whole, changes at once', async () => {
    const { sender, send, at, prefixes } = await createSetup();
    await send(sender.batch('snapshot', [group(['5.1.0.0/16'])], [], 2));
    expect(at('5.1.0.1')).toBeUndefined();
    await send(sender.batch('snapshot', [group(['5.2.0.0/16', '5.3.0.0/16'])], [], 2));
    expect([at('5.1.0.1'), at('5.2.0.1'), prefixes()]).toEqual(['edge1', 'edge1', 3]);
    await send(sender.batch('delta', [group(['6.0.0.0/16'])], [{ session: 'r1', prefixes: ['5.1.0.0/16'] }]));
    expect([at('5.1.0.1'), at('6.0.0.1'), prefixes()]).toEqual([undefined, 'edge1', 3]);
  });

  test('a prefix stays while one of its sessions announces it', async () => {
    const { sender, send, at } = await createSetup();
    await send(sender.batch('snapshot', [group(['5.1.0.0/16']), group(['5.1.0.0/16'], 'r2', '65009')]));
    await send(sender.batch('delta', [], [{ session: 'r1', prefixes: ['5.1.0.0/16'] }]));
    expect(at('5.1.0.1')).toBe('edge1');
    await send(sender.batch('delta', [group(['5.1.0.0/16'], 'r2', '65010')]));
    await send(sender.batch('delta', [], [{ session: 'r2', prefixes: ['5.1.0.0/16'] }]));
    expect(at('5.1.0.1')).toBeUndefined();
  });

  test('row 50 and a new epoch: the new set takes the place of the old one, without a moment in between', async () => {
    const { sender, send, at, db, prefixes } = await createSetup();
    await send(sender.batch('snapshot', [group(['5.1.0.0/16', '5.2.0.0/16'])]));
    Object.assign(sender, { epoch: 'e2', seq: 0 }).routes.clear();
    await send(sender.batch('snapshot', [group(['5.2.0.0/16'])], [], 2));
    expect(at('5.1.0.1')).toBe('edge1');
    await send(sender.batch('snapshot', [group(['7.0.0.0/16'])], [], 2));
    expect([at('5.1.0.1'), at('5.2.0.1'), at('7.0.0.1'), prefixes()]).toEqual([undefined, 'edge1', 'edge1', 2]);
    const epochs = await db.selectFrom('bgp_route').select('epoch').distinct().execute();
    expect(epochs).toEqual([{ epoch: 'e2' }]);
    Object.assign(sender, { epoch: 'e3', seq: 0 }).routes.clear();
    await send(sender.batch('snapshot', []));
    expect(prefixes()).toBe(0);
  });

  test('repetitions change nothing; a gap or a wrong checksum asks for all routes, once in a while', async () => {
    const { sender, send, at, calls, clock, db } = await createSetup();
    const first = sender.batch('snapshot', [group(['5.1.0.0/16'])]);
    await send(first);
    await send(first);
    const lost = sender.batch('delta', [group(['5.2.0.0/16'])]);
    await send(sender.batch('delta', [group(['5.3.0.0/16'])]));
    expect([calls, at('5.1.0.1'), at('5.3.0.1')]).toEqual([['edge1/bgp resync'], 'edge1', undefined]);
    await send({ ...lost, hash: 'ffffffffffffffff' });
    expect([calls.length, at('5.2.0.1')]).toEqual([1, undefined]);
    await clock.advance(RESYNC_PAUSE_MS + 1);
    await send({ ...lost, routes: 7 });
    expect(calls).toHaveLength(2);
    await send(lost);
    expect([at('5.2.0.1'), (await readStream(db, 'edge1')).current.seq]).toEqual(['edge1', 2]);
  });

  test.each([
    ['no JSON shape', { hello: 1 }],
    ['host bits', { ...new Sender().batch('snapshot', [group(['5.1.0.1/16'])]) }],
    ['a prefix that is none', { ...new Sender().batch('snapshot', [group(["5.1.0.0/16'; drop table node_prefix"])]) }],
  ])('ignores %s', async (_what, json) => {
    const { send, prefixes } = await createSetup();
    await send(json);
    expect(prefixes()).toBe(0);
  });

  test('takes routes from no other module of the node', async () => {
    const { sender, send, prefixes } = await createSetup();
    await send(sender.batch('snapshot', [group(['5.1.0.0/16'])]), 'bgpRoutes', 'sensor');
    expect(prefixes()).toBe(0);
  });

  test('a state that is ahead of what came asks for all routes', async () => {
    const { sender, send, calls, db } = await createSetup();
    await send(sender.batch('snapshot', [group(['5.1.0.0/16'])]));
    const state = (seq: number) => ({
      ...{
        schemaVersion: '1.0',
        atUtc: '2026-01-01T00:00:00Z',
        engine: {},
        appliedVersion: 1,
        sessions: [],
        issues: [],
      },
      stream: { epoch: 'e1', seq, routes: 1, hash: '0000000000000000' },
    });
    await send(state(1), 'bgpState');
    expect(calls).toEqual([]);
    await send(state(2), 'bgpState');
    expect(calls).toEqual(['edge1/bgp resync']);
    expect((await readStream(db, 'edge1')).state).toEqual(state(2));
  });

  test('row 51: above the limit the last good set stays; below it, or with a higher limit, all of it is taken', async () => {
    const { sender, send, at, space, accounts, review, prefixes } = await createSetup();
    await accounts.change(accounts.defaultId, { bgpPrefixesMax: 3 });
    await send(sender.batch('snapshot', [group(['5.1.0.0/16', '5.2.0.0/16'])]));
    await send(sender.batch('delta', [group(['5.3.0.0/16', '5.4.0.0/16'])]));
    expect(await space()).toMatchObject({
      ...{ state: 'AttentionRequired', prefixes: 2 },
      feedback: 'Attention required: 4 prefixes learned by BGP, at most 3; the last set within the limit stays',
    });
    expect([at('5.1.0.1'), at('5.3.0.1')]).toEqual(['edge1', undefined]);
    await send(sender.batch('delta', [], [{ session: 'r1', prefixes: ['5.1.0.0/16'] }]));
    expect([at('5.1.0.1'), at('5.3.0.1'), (await space()).state]).toEqual([undefined, 'edge1', 'Approved']);
    await send(sender.batch('delta', [group(['5.5.0.0/16'])]));
    expect(prefixes()).toBe(3);
    await accounts.change(accounts.defaultId, { bgpPrefixesMax: 10 });
    await review();
    expect(prefixes()).toBe(4);
  });

  test('a start goes on where it was, with what came meanwhile, and mends a book that a crash left behind', async () => {
    const { sender, send, at, restart, stop, platform, db } = await createSetup();
    await send(sender.batch('snapshot', [group(['5.1.0.0/16'])]));
    await stop();
    const meanwhile = sender.batch('delta', [group(['5.2.0.0/16'])]);
    platform.send({ moduleId: 'bgp', messageType: 'bgpRoutes', json: meanwhile });
    await db.deleteFrom('node_prefix').where('source', '=', 'bgp').execute();
    await restart();
    expect([at('5.1.0.1'), at('5.2.0.1')]).toEqual(['edge1', 'edge1']);
  });
});

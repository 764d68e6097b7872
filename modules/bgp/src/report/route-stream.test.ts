import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Clock, createLogger, systemClock } from '@wayside/kit';
import { BGP_MESSAGE_BYTES_MAX, type BgpRoutes } from '@wayside/protocol';
import { randomFrom, randomTable } from '../../test/random-table.ts';
import { RoutesReceiver } from '../../test/routes-receiver.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { attributesAt, prefixAt } from '../routes/route-table.ts';
import { RouteTableBuilder } from '../routes/route-table-builder.ts';
import { RouteStream } from './route-stream.ts';
import { StreamStore } from './stream-store.ts';

const logger = createLogger({ module: 'bgp', stream: new PassThrough().resume() });
/** Pauses between tries are none. */
const clock: Clock = { ...systemClock, sleep: () => new Promise((resolve) => setImmediate(resolve)) };
const BATCH_BYTES = 2000;

let folder: string;
let receiver: RoutesReceiver;
let streams: RouteStream[];
/** What becomes of the next messages: taken and acknowledged when nothing is said. */
let fates: ('lost' | 'acknowledgement lost')[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wbgp-unit-'));
  receiver = new RoutesReceiver();
  streams = [];
  fates = [];
});

afterEach(async () => {
  for (const stream of streams) await stream.close();
  rmSync(folder, { recursive: true, force: true });
});

async function send(message: BgpRoutes): Promise<void> {
  const fate = fates.shift();
  if (fate === 'lost') throw new Error('edgeHub is away');
  receiver.take(JSON.parse(JSON.stringify(message)));
  if (fate === 'acknowledgement lost') throw new Error('no acknowledgement');
}

async function open(batchBytesMax = BATCH_BYTES) {
  let acknowledged = 0;
  const waiting: (() => void)[] = [];
  const stream = new RouteStream({
    ...{ store: new StreamStore(folder, logger), clock, logger, send, batchBytesMax },
    onAcknowledged: () => {
      acknowledged += 1;
      for (const resolve of waiting.splice(0)) resolve();
    },
  });
  streams.push(stream);
  const tables = await stream.start();
  return {
    stream,
    tables,
    count: () => acknowledged,
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
}

function plainOf(tables: ReadonlyMap<string, RouteTable>): Map<string, object> {
  const plain = new Map<string, object>();
  for (const [session, table] of tables) {
    for (let row = 0; row < table.size; row += 1)
      plain.set(`${session} ${prefixAt(table, row)}`, attributesAt(table, row));
  }
  return plain;
}

function tableOf(...prefixes: string[]): RouteTable {
  const builder = new RouteTableBuilder(4);
  for (const prefix of prefixes) builder.add(prefix, '64500', null);
  return builder.build();
}

describe('RouteStream', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'seed %i: the receiver holds what is wanted, whatever is lost on the way',
    async (seed) => {
      const random = randomFrom(seed);
      const { stream, next } = await open();
      for (let change = 0; change < 6; change += 1) {
        const wanted = new Map<string, RouteTable>();
        for (const [index, session] of ['a', 'b', 'c'].entries()) {
          if (random() < 0.7)
            wanted.set(session, randomTable(index === 2 ? 6 : 4, Math.floor(random() * 150), random).table);
        }
        fates = Array.from({ length: 12 }, () => (random() < 0.5 ? 'lost' : 'acknowledgement lost'));
        if (random() < 0.3) stream.resync();
        const done = next();
        stream.offer(wanted);
        await done;
        expect(receiver.routes).toEqual(plainOf(wanted));
        expect(receiver.gaps).toEqual([]);
        expect(stream.end).toMatchObject({ routes: receiver.routes.size, seq: receiver.messages.at(-1)?.seq });
      }
    },
  );

  test('no batch is longer than allowed, and a long change is several', async () => {
    const { stream, next } = await open(BGP_MESSAGE_BYTES_MAX);
    const builder = new RouteTableBuilder(4);
    for (let i = 0; i < 20_000; i += 1)
      builder.add(`${100 + (i >> 14)}.${(i >> 6) & 255}.${(i & 63) * 4}.128/27`, `64500 ${i % 900}`, i % 5);
    const done = next();
    stream.offer(new Map([['r1', builder.build()]]));
    await done;
    expect(receiver.routes.size).toBe(20_000);
    expect(receiver.messages.length).toBeGreaterThan(1);
    const sizes = receiver.messages.map((message) => JSON.stringify(message).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(BGP_MESSAGE_BYTES_MAX);
    expect(receiver.messages.map(({ part, parts }) => part / parts).at(-1)).toBe(1);
  });

  test('without a difference nothing is sent', async () => {
    const { stream, next } = await open();
    const first = next();
    stream.offer(new Map([['r1', tableOf('20.1.0.0/16')]]));
    await first;
    stream.offer(new Map([['r1', tableOf('20.1.0.0/16')]]));
    const second = next();
    stream.offer(new Map([['r1', tableOf('20.1.0.0/16', '20.2.0.0/16')]]));
    await second;
    expect(receiver.messages.map(({ seq, kind }) => [seq, kind])).toEqual([
      [1, 'snapshot'],
      [2, 'delta'],
    ]);
  });

  test('after an orderly end it goes on where it was', async () => {
    const first = await open();
    expect(first.tables).toBeNull();
    const done = first.next();
    first.stream.offer(new Map([['r1', tableOf('20.1.0.0/16', '20.2.0.0/16')]]));
    await done;
    await first.stream.close();
    const second = await open();
    expect(plainOf(second.tables as Map<string, RouteTable>)).toEqual(receiver.routes);
    const again = second.next();
    second.stream.offer(new Map([['r1', tableOf('20.2.0.0/16')]]));
    await again;
    expect(receiver.messages.at(-1)).toMatchObject({
      seq: 2,
      kind: 'delta',
      withdrawn: [{ session: 'r1', prefixes: ['20.1.0.0/16'] }],
    });
    expect(receiver.gaps).toEqual([]);
  });

  test('an end within a change makes a new epoch', async () => {
    const first = await open();
    const done = first.next();
    first.stream.offer(new Map([['r1', tableOf('20.1.0.0/16')]]));
    await done;
    fates = new Array(1000).fill('acknowledgement lost');
    first.stream.offer(new Map([['r1', tableOf('20.2.0.0/16')]]));
    while (receiver.messages.length < 3) await new Promise((resolve) => setImmediate(resolve));
    await first.stream.close();
    fates = [];
    const second = await open();
    const again = second.next();
    second.stream.offer(new Map([['r1', tableOf('20.3.0.0/16')]]));
    await again;
    expect(receiver.prefixes()).toEqual(['20.3.0.0/16']);
    expect(receiver.messages.at(-1)).toMatchObject({ kind: 'snapshot', seq: 1 });
    expect(receiver.gaps).toEqual([]);
  });

  test('a damaged table is left out, and what the receiver holds counts as unknown', async () => {
    const first = await open();
    const done = first.next();
    first.stream.offer(new Map([['r1', tableOf('20.1.0.0/16')]]));
    await done;
    await first.stream.close();
    const file = readdirSync(folder).find((name) => name.endsWith('.routes')) as string;
    truncateSync(join(folder, file), 20);
    const second = await open();
    expect(second.tables).toBeNull();
  });

  test('a new wish for a snapshot while one is under way begins another', async () => {
    const { stream, next } = await open();
    fates = new Array(3).fill('lost');
    const done = next();
    stream.offer(new Map([['r1', tableOf('20.1.0.0/16')]]));
    await new Promise((resolve) => setImmediate(resolve));
    const epoch = stream.resync();
    expect(stream.resync()).toBe(epoch);
    await done;
    expect(receiver.messages.at(-1)?.epoch).toBe(epoch);
    expect(receiver.prefixes()).toEqual(['20.1.0.0/16']);
  });
});

import { describe, expect, test } from '@jest/globals';
import type { CacheReport } from '@wayside/protocol';
import { createBench } from '../../test/node-bench.ts';
import {
  addTraffic,
  OTHER,
  pruneTraffic,
  readTraffic,
  STEP_MS,
  stepOf,
  type TrafficKind,
  type TrafficRange,
} from './traffic-slices.ts';

const HOUR_MS = 3_600_000;
const NOON_MS = Date.parse('2026-05-05T12:00:00Z');

function aReport(changes: Partial<CacheReport> = {}): CacheReport {
  return {
    ...{
      hits: 3,
      misses: 1,
      hitBytes: 300,
      missBytes: 100,
      requests: 4,
      errors5xx: 0,
      egressBytes: 400,
      ingressBytes: 100,
    },
    byOrigin: [{ host: 'a.example', hitBytes: 200, missBytes: 60, hits: 2, misses: 1 }],
    byContentClass: [{ contentClass: 'xbox', hits: 3, misses: 1, hitBytes: 300, missBytes: 100 }],
    ...changes,
  } as CacheReport;
}

async function createSetup() {
  const { db, aNode } = await createBench();
  await aNode();
  await aNode({ name: 'edge2', ipAddress: '127.0.0.2' });
  return {
    db,
    add: (atMs: number, report = aReport(), node = 'edge1') => addTraffic(db, node, report, atMs),
    read: (range: TrafficRange, kind: TrafficKind, nodeName?: string) =>
      readTraffic(db, { nodeName, range, kind, nowMs: NOON_MS }),
  };
}

test.each([
  ['1h', 'origin', 'minute'],
  ['1d', 'origin', 'hour'],
  ['12h', 'contentClass', 'minute'],
  ['1d', 'total', 'minute'],
  ['7d', 'total', 'hour'],
  ['30d', 'total', 'hour'],
  ['365d', 'total', 'day'],
] as const)('stepOf(%s, %s) is %s', (range, kind, step) => {
  expect(stepOf(range, kind)).toBe(step);
});

describe('readTraffic()', () => {
  test('adds reports of one step up, and keeps steps apart', async () => {
    const { add, read } = await createSetup();
    for (const agoMs of [10_000, 20_000, 70_000]) await add(NOON_MS - agoMs);
    const { step, points } = await read('1h', 'total');
    expect(step).toBe('minute');
    expect(points.map((point) => [NOON_MS - point.atMs, point.hitBytes, point.hits])).toEqual([
      [120_000, 300, 3],
      [60_000, 600, 6],
    ]);
    expect((await read('7d', 'total')).points).toMatchObject([{ atMs: NOON_MS - HOUR_MS, hitBytes: 900 }]);
  });

  test.each(['origin', 'contentClass'] as const)('by %s adds up to the totals', async (kind) => {
    const { add, read } = await createSetup();
    await add(NOON_MS - 1, aReport({ byContentClass: [] }));
    await add(NOON_MS - 1);
    const { points } = await read('1h', kind);
    expect(points.reduce((sum, point) => sum + point.hitBytes + point.missBytes, 0)).toBe(800);
    expect(points.map((point) => point.label)).toContain(OTHER);
  });

  test('is of one node or of all', async () => {
    const { add, read } = await createSetup();
    await add(NOON_MS - 1);
    await add(NOON_MS - 1, aReport({ hitBytes: 1 }), 'edge2');
    expect((await read('1h', 'total', 'edge2')).points[0]?.hitBytes).toBe(1);
    expect((await read('1h', 'total')).points[0]?.hitBytes).toBe(301);
  });

  test('believes a node no nonsense, and bounds what it may name', async () => {
    const { add, read } = await createSetup();
    const many = Array.from({ length: 500 }, (_, i) => ({ host: `${i}.example`, hitBytes: 1, missBytes: -5 }));
    const odd = [
      { host: 7, hitBytes: 'x' },
      { host: 'b.example', hitBytes: Number.MAX_VALUE, missBytes: Number.NaN },
    ];
    await add(
      NOON_MS - 1,
      aReport({ hitBytes: 10, missBytes: 0, byOrigin: [...odd, ...many] as CacheReport['byOrigin'] }),
    );
    const { points } = await read('1h', 'origin');
    expect(points.length).toBeLessThan(40);
    expect(points.every((point) => point.hitBytes >= 0 && point.missBytes >= 0 && point.hitBytes <= 10)).toBe(true);
  });

  test('a total beyond 2^53 can still be read', async () => {
    const { add, read } = await createSetup();
    for (let i = 0; i < 3; i += 1) await add(NOON_MS - 1, aReport({ hitBytes: Number.MAX_SAFE_INTEGER }));
    expect((await read('1h', 'total')).points[0]?.hitBytes).toBeCloseTo(3 * Number.MAX_SAFE_INTEGER, -3);
  });
});

test('pruneTraffic() keeps what the ranges read', async () => {
  const { db, add, read } = await createSetup();
  const agesMs = [1, 3 * HOUR_MS, 23 * HOUR_MS, 29 * 24 * HOUR_MS, 300 * 24 * HOUR_MS, 500 * 24 * HOUR_MS];
  for (const ageMs of agesMs) await add(NOON_MS - ageMs);
  const before = await Promise.all((['1h', '1d', '30d', '365d'] as const).map((range) => read(range, 'origin')));
  await pruneTraffic(db, NOON_MS);
  const after = await Promise.all((['1h', '1d', '30d', '365d'] as const).map((range) => read(range, 'origin')));
  expect(after).toEqual(before);
  const steps = await db
    .selectFrom('traffic_slice')
    .select('step')
    .distinct()
    .where('start_ms', '<', NOON_MS - 32 * 24 * HOUR_MS)
    .execute();
  expect(steps).toEqual([{ step: 'day' }]);
  const oldest = await db
    .selectFrom('traffic_slice')
    .select((eb) => eb.fn.min<number>('start_ms').as('at'))
    .executeTakeFirstOrThrow();
  expect(oldest.at).toBeGreaterThan(NOON_MS - 400 * STEP_MS.day);
});

import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import type { CacheReport } from '@wayside/protocol';
import { createBench } from '../../test/node-bench.ts';
import { addReport } from './cache-figures.ts';
import { FleetMinutes } from './fleet-minutes.ts';
import { METRIC_RANGES, type MetricRange, readMetrics } from './metrics.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** 1 Mbit/s for a minute. */
const MBIT_MINUTE = 7_500_000;

function aReport(out: number, hit: number, inbound: number): CacheReport {
  const hitBytes = hit * MBIT_MINUTE;
  const egressBytes = out * MBIT_MINUTE;
  return {
    ...{ requests: 4, hits: 3, misses: 1, errors5xx: 0, hitBytes, missBytes: egressBytes - hitBytes, egressBytes },
    ...{ ingressBytes: inbound * MBIT_MINUTE, byOrigin: [], drives: [] },
  } as unknown as CacheReport;
}

async function createSetup() {
  const bench = await createBench();
  await bench.aNode();
  await bench.aNode({ name: 'edge2', ipAddress: '127.0.0.2' });
  const { db, clock } = bench;
  const fleet = new FleetMinutes({ db, clock, logger: silentLogger });
  const nowMs = clock.nowMs();
  const report = async (name: string, agoMs: number, out: number, hit = 0, inbound = 0) => {
    await addReport(db, name, 'MCC', aReport(out, hit, inbound), nowMs - agoMs);
    fleet.note(nowMs - agoMs);
  };
  const of = (range: MetricRange, nodeName?: string) => readMetrics(db, { nodeName, range, nowMs });
  return { ...bench, fleet, nowMs, report, of };
}

describe('readMetrics()', () => {
  test('without a report there is nothing, in every range', async () => {
    const { of } = await createSetup();
    const none = { averageMbps: 0, maxMbps: 0, maxAtMs: null };
    for (const range of METRIC_RANGES) {
      for (const name of ['edge1', undefined]) {
        expect(await of(range, name)).toMatchObject({ cacheEfficiency: null, out: none, in: none, points: [] });
      }
    }
  });

  test('a node: average and busiest minute out and in, efficiency, aggregates', async () => {
    const { report, of, nowMs } = await createSetup();
    await report('edge1', 30 * MINUTE_MS, 10, 8, 2);
    await report('edge1', 20 * MINUTE_MS, 30, 22, 8);
    await report('edge2', 20 * MINUTE_MS, 500);
    const metrics = await of('1h', 'edge1');
    const busiest = nowMs - 20 * MINUTE_MS;
    expect(metrics).toMatchObject({
      cacheEfficiency: 0.75,
      out: { averageMbps: 20, maxMbps: 30, maxAtMs: busiest - (busiest % MINUTE_MS) },
      in: { averageMbps: 5, maxMbps: 8 },
      miss: { averageMbps: 5, maxMbps: 8 },
      inboundBytes: { count: 2, average: 5 * MBIT_MINUTE, minimum: 2 * MBIT_MINUTE, maximum: 8 * MBIT_MINUTE },
      hits: { count: 2, average: 3, minimum: 3, maximum: 3, sum: 6 },
      misses: { sum: 2 },
    });
    expect(metrics.points.map((point) => [point.outMbps, point.hitBytes])).toEqual([
      [10, 8 * MBIT_MINUTE],
      [30, 22 * MBIT_MINUTE],
    ]);
  });

  test.each(METRIC_RANGES)('%s: the totals are those of the reports within it, in few points', async (range) => {
    const { report, of, fleet } = await createSetup();
    // A node's reports come in the order of their time.
    const agos = [20 * DAY_MS, 10 * DAY_MS, 3 * DAY_MS, 18 * HOUR_MS, 3 * HOUR_MS, 2 * MINUTE_MS];
    for (const ago of agos) {
      await report('edge1', ago, 2, 1);
      await report('edge2', ago, 4, 1);
    }
    await fleet.round();
    const within = METRIC_RANGES.indexOf(range) + 1;
    for (const [name, out] of [
      ['edge1', 2],
      [undefined, 6],
    ] as const) {
      const metrics = await of(range, name);
      const bytes = metrics.points.reduce((sum, point) => sum + point.hitBytes + point.missBytes, 0);
      expect(bytes).toBe(within * out * MBIT_MINUTE);
      expect(metrics.out).toMatchObject({ averageMbps: out, maxMbps: out });
      expect((metrics.toMs - metrics.fromMs) / metrics.stepMs).toBeLessThanOrEqual(181);
    }
  });

  test('the peak of the fleet is that of the busiest minute of all together, not the sum of the peaks', async () => {
    const { report, of, fleet } = await createSetup();
    await report('edge1', 20 * MINUTE_MS, 100);
    await report('edge2', 10 * MINUTE_MS, 100);
    await report('edge1', 5 * MINUTE_MS, 60);
    await report('edge2', 5 * MINUTE_MS, 70);
    await fleet.round();
    expect((await of('30d')).out.maxMbps).toBe(130);
  });
});

describe('FleetMinutes', () => {
  test('what comes late is summed up again, and doing it twice adds nothing', async () => {
    const { report, of, fleet } = await createSetup();
    await report('edge1', 2 * HOUR_MS, 10);
    await fleet.round();
    await report('edge2', 2 * HOUR_MS, 5);
    await fleet.round();
    await fleet.round();
    expect((await of('12h')).out).toMatchObject({ averageMbps: 15, maxMbps: 15 });
  });

  test('a start sums up what came while nobody did', async () => {
    const { report, of, db, clock } = await createSetup();
    await report('edge1', 26 * HOUR_MS, 20);
    await report('edge1', 5 * HOUR_MS, 10);
    const again = new FleetMinutes({ db, clock, logger: silentLogger });
    const end = new AbortController();
    const running = again.run(end.signal);
    while ((await of('7d')).hits.count !== 2) await new Promise(setImmediate);
    end.abort();
    await running;
    expect((await of('7d')).out).toMatchObject({ averageMbps: 15, maxMbps: 20 });
  });

  test('a question sees the minute under way', async () => {
    const { report, of, fleet } = await createSetup();
    await report('edge1', 0, 3);
    await fleet.freshen();
    expect((await of('1h')).out.maxMbps).toBe(3);
  });
});

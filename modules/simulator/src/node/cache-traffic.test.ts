import { describe, expect, test } from '@jest/globals';
import { Chance } from '../chance/chance.ts';
import { CacheTraffic, dayShare } from './cache-traffic.ts';
import { drawTraits } from './traits.ts';

const T0 = Date.parse('2026-03-01T00:00:00Z');
const HOUR_MS = 3_600_000;
const traits = { ...drawTraits(1, 'n', 4, { flap: 0, failShare: 0, staleShare: 0 }), peakMbps: 400, zoneMs: 0 };
const traffic = () => new CacheTraffic(traits, Chance.of(1, 'traffic'), { path: '/nginx/cache1/', sizeGb: 5 });

describe('dayShare()', () => {
  test('has its peak in the evening of the node, its low at night', () => {
    const shares = Array.from({ length: 24 }, (_, hour) => dayShare(T0 + hour * HOUR_MS, 0));
    expect(shares.indexOf(Math.max(...shares))).toBeGreaterThanOrEqual(20);
    expect(shares.indexOf(Math.min(...shares))).toBeGreaterThanOrEqual(8);
    expect(shares.indexOf(Math.min(...shares))).toBeLessThanOrEqual(9);
    expect(Math.min(...shares)).toBeCloseTo(0.12, 2);
    expect(dayShare(T0 + 3 * HOUR_MS, 5 * HOUR_MS)).toBeCloseTo(dayShare(T0 + 8 * HOUR_MS, 0), 10);
  });
});

describe('CacheTraffic', () => {
  test('the parts of a report add up to it', () => {
    const report = traffic().report(T0, T0 + 15_000);
    const sum = (parts: readonly { hitBytes: number; missBytes: number }[]) =>
      parts.reduce((total, { hitBytes, missBytes }) => total + hitBytes + missBytes, 0);
    expect(report.egressBytes).toBeGreaterThan(0);
    expect(report.egressBytes).toBe(report.hitBytes + report.missBytes);
    expect(sum(report.byOrigin)).toBe(report.egressBytes);
    expect(sum(report.byContentClass ?? [])).toBe(report.egressBytes);
    expect(report.requests).toBe(report.hits + report.misses);
    expect(report.byContentClass?.length).toBeLessThan(report.byOrigin.length);
  });

  test('totals go on, the hit ratio rises as the cache warms, and the drive fills to its size and no further', () => {
    const cache = traffic();
    const day = Array.from({ length: 24 * 60 }, (_, minute) =>
      cache.report(T0 + minute * 60_000, T0 + (minute + 1) * 60_000),
    );
    const [first, last] = [day[0]!, day.at(-1)!];
    expect(last.totals.egressBytes).toBe(day.reduce((sum, report) => sum + report.egressBytes, 0));
    expect(last.hitBytes / last.egressBytes).toBeGreaterThan(first.hitBytes / first.egressBytes + 0.2);
    expect(first.drives[0]?.usedBytes).toBeLessThan(5e9);
    expect(last.drives[0]?.usedBytes).toBe(5e9);
  });

  test('equal seeds give equal reports', () => {
    expect(traffic().report(T0, T0 + 15_000)).toEqual(traffic().report(T0, T0 + 15_000));
  });
});

// The message to the cloud and the summary: differences between two snapshots of the counters (contracts 7, connected-cache 2.3).

import type { CacheReport } from '@wayside/protocol';
import type { Drive } from '../store/drive.ts';
import { byContentClass, type OriginBytes, type TrafficSnapshot } from './traffic-counters.ts';

/** Origins named in one message; the busiest. */
const ORIGINS_IN_REPORT_MAX = 20;

export interface ReportInput {
  fromMs: number;
  toMs: number;
  before: TrafficSnapshot;
  after: TrafficSnapshot;
  ingressBytes: number;
  /** Bytes of former lives of this module, added to the totals. */
  earlier: OriginBytes;
  drives: readonly Pick<Drive, 'path' | 'capBytes' | 'usedBytes' | 'issue'>[];
}

export function hitRatio(hitBytes: number, missBytes: number): number {
  const sum = hitBytes + missBytes;
  return sum === 0 ? 0 : hitBytes / sum;
}

export function makeReport({ fromMs, toMs, before, after, ingressBytes, earlier, drives }: ReportInput): CacheReport {
  const hitBytes = after.hitBytes - before.hitBytes;
  const missBytes = after.missBytes - before.missBytes;
  const totalHit = earlier.hitBytes + after.hitBytes;
  const totalMiss = earlier.missBytes + after.missBytes;
  const count = (key: keyof TrafficSnapshot['results']) => after.results[key] - before.results[key];
  return {
    schemaVersion: '1.0',
    fromUtc: new Date(fromMs).toISOString(),
    toUtc: new Date(toMs).toISOString(),
    requests: after.requests - before.requests,
    hits: count('HIT') + count('STALE'),
    misses: count('MISS') + count('PARTIAL') + count('BYPASS'),
    errors5xx: after.errors5xx - before.errors5xx,
    hitBytes,
    missBytes,
    egressBytes: hitBytes + missBytes,
    ingressBytes,
    totals: {
      hitBytes: totalHit,
      missBytes: totalMiss,
      egressBytes: totalHit + totalMiss,
      hitRatioBytes: hitRatio(totalHit, totalMiss),
    },
    byOrigin: originDeltas(before, after),
    byContentClass: contentClassDeltas(before, after),
    drives: drives.map((drive) => ({
      path: drive.path,
      sizeBytes: drive.capBytes,
      usedBytes: drive.usedBytes,
      state: drive.issue === null ? ('ok' as const) : ('failed' as const),
      issue: drive.issue,
    })),
  };
}

/** Every class with traffic in the interval: these add up to the whole, the origins named may not. */
function contentClassDeltas(before: TrafficSnapshot, after: TrafficSnapshot): CacheReport['byContentClass'] {
  const then = byContentClass(before.byOrigin);
  return [...byContentClass(after.byOrigin)]
    .map(([contentClass, now]) => ({
      contentClass,
      hits: now.hits - (then.get(contentClass)?.hits ?? 0),
      misses: now.misses - (then.get(contentClass)?.misses ?? 0),
      hitBytes: now.hitBytes - (then.get(contentClass)?.hitBytes ?? 0),
      missBytes: now.missBytes - (then.get(contentClass)?.missBytes ?? 0),
    }))
    .filter(({ hits, misses, hitBytes, missBytes }) => hits + misses + hitBytes + missBytes > 0);
}

function originDeltas(before: TrafficSnapshot, after: TrafficSnapshot): CacheReport['byOrigin'] {
  return Object.entries(after.byOrigin)
    .map(([host, now]) => {
      const then = before.byOrigin[host];
      return {
        host,
        contentClass: now.contentClass,
        hits: now.hits - (then?.hits ?? 0),
        misses: now.misses - (then?.misses ?? 0),
        hitBytes: now.hitBytes - (then?.hitBytes ?? 0),
        missBytes: now.missBytes - (then?.missBytes ?? 0),
      };
    })
    .filter(({ hitBytes, missBytes }) => hitBytes + missBytes > 0)
    .sort((a, b) => b.hitBytes + b.missBytes - a.hitBytes - a.missBytes)
    .slice(0, ORIGINS_IN_REPORT_MAX);
}

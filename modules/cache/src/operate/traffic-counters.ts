// Counts of what went out and how it was come by. Totals only grow; whoever reports intervals keeps the former snapshot.

import type { CacheResult } from '../request/response-head.ts';

/** Origins counted one by one; further ones share the last place. */
const ORIGINS_MAX = 500;
const OTHER_ORIGINS = '(other)';

export interface OriginBytes {
  hitBytes: number;
  missBytes: number;
}

export interface TrafficSnapshot {
  requests: number;
  results: Record<CacheResult, number>;
  errors5xx: number;
  refused: number;
  hitBytes: number;
  missBytes: number;
  byOrigin: Record<string, OriginBytes>;
}

export class TrafficCounters {
  requests = 0;
  errors5xx = 0;
  refused = 0;
  hitBytes = 0;
  missBytes = 0;
  activeRequests = 0;
  readonly results: Record<CacheResult, number> = { HIT: 0, MISS: 0, PARTIAL: 0, STALE: 0, BYPASS: 0 };
  readonly byOrigin = new Map<string, OriginBytes>();

  /** Body bytes that left: those that were in the cache when the request came, and those that had to be fetched. */
  addBytes(host: string, hitBytes: number, missBytes: number): void {
    this.hitBytes += hitBytes;
    this.missBytes += missBytes;
    let origin = this.byOrigin.get(host);
    if (origin === undefined) {
      const name = this.byOrigin.size < ORIGINS_MAX ? host : OTHER_ORIGINS;
      origin = this.byOrigin.get(name) ?? { hitBytes: 0, missBytes: 0 };
      this.byOrigin.set(name, origin);
    }
    origin.hitBytes += hitBytes;
    origin.missBytes += missBytes;
  }

  snapshot(): TrafficSnapshot {
    const { requests, results, errors5xx, refused, hitBytes, missBytes } = this;
    const byOrigin = Object.fromEntries([...this.byOrigin].map(([host, bytes]) => [host, { ...bytes }]));
    return { requests, results: { ...results }, errors5xx, refused, hitBytes, missBytes, byOrigin };
  }
}

// Counts of what went out and how it was come by. Totals only grow; whoever reports intervals keeps the former snapshot.
// A request counts on numbers it already holds: the counters of an origin are looked up once for each entry of the origin table.

import type { ConnectionFigures } from '../listen/connection-budget.ts';
import type { CacheResult } from '../request/response-head.ts';
import { CONTENT_CLASSES, type ContentClass, contentClassOf } from './content-class.ts';
import { addHistograms, Histogram, type HistogramSnapshot } from './histogram.ts';

/** Origins counted one by one; further ones share the last place. */
const ORIGINS_MAX = 500;
const OTHER_ORIGINS = '(other)';
/** Upper bounds of the time to the first byte: from a hit in memory to a client that has given up (connected-cache R4: 20 s). */
export const TTFB_BOUNDS_MS: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000];

export interface OriginBytes {
  hitBytes: number;
  missBytes: number;
}

/** Counters of one origin, kept with its entry in the origin table. */
export interface OriginTraffic extends OriginBytes {
  readonly host: string;
  readonly contentClass: ContentClass;
  /** Answers from the cache, and answers for which an origin was asked. */
  hits: number;
  misses: number;
}

/** As much of an origin as counting needs; `traffic` is filled in at its first request. */
export interface CountedOrigin {
  id: string;
  canonical: string;
  traffic?: OriginTraffic | undefined;
}

export interface TrafficSnapshot {
  requests: number;
  activeRequests: number;
  results: Record<CacheResult, number>;
  errors5xx: number;
  refused: number;
  /** Requests that a budget refused with 503, by budget. */
  overloads: Record<Overload, number>;
  hitBytes: number;
  missBytes: number;
  byOrigin: Record<string, OriginTraffic>;
  /** Time to the head of the answer: answers from the cache, and those an origin was asked for. */
  ttfb: { hit: HistogramSnapshot; miss: HistogramSnapshot };
  connections: ConnectionFigures;
}

/** What refused a request with 503: requests in work, streams under the egress cap, memory, the switch `readOnly`. */
export type Overload = 'requests' | 'egress' | 'memory' | 'readOnly';

/** What reports and metrics are made from: one thread's counters or the sum of several. */
export interface TrafficSource {
  snapshot(): TrafficSnapshot;
}

export class TrafficCounters implements TrafficSource {
  requests = 0;
  errors5xx = 0;
  refused = 0;
  hitBytes = 0;
  missBytes = 0;
  activeRequests = 0;
  readonly results: Record<CacheResult, number> = { HIT: 0, MISS: 0, PARTIAL: 0, STALE: 0, BYPASS: 0 };
  readonly overloads: Record<Overload, number> = { requests: 0, egress: 0, memory: 0, readOnly: 0 };
  readonly byOrigin = new Map<string, OriginTraffic>();
  readonly hitTtfb = new Histogram(TTFB_BOUNDS_MS);
  readonly missTtfb = new Histogram(TTFB_BOUNDS_MS);
  readonly connections: ConnectionFigures = { open: 0, refused: 0, slow: 0 };

  /** The counters of an origin; kept on the entry itself, so that the next request finds them without a look-up. */
  of(origin: CountedOrigin): OriginTraffic {
    return origin.traffic ?? this.#attach(origin);
  }

  #attach(origin: CountedOrigin): OriginTraffic {
    const known = this.byOrigin.get(origin.canonical);
    const name = known !== undefined || this.byOrigin.size < ORIGINS_MAX ? origin.canonical : OTHER_ORIGINS;
    let traffic = known ?? this.byOrigin.get(name);
    if (traffic === undefined) {
      const contentClass = name === OTHER_ORIGINS ? 'other' : contentClassOf(origin.canonical, origin.id);
      traffic = { host: name, contentClass, hitBytes: 0, missBytes: 0, hits: 0, misses: 0 };
      this.byOrigin.set(name, traffic);
    }
    origin.traffic = traffic;
    return traffic;
  }

  /** Body bytes that left: those that were in the cache when the request came, and those that had to be fetched. */
  addBytes(origin: CountedOrigin, hitBytes: number, missBytes: number): void {
    this.hitBytes += hitBytes;
    this.missBytes += missBytes;
    const traffic = origin.traffic ?? this.#attach(origin);
    traffic.hitBytes += hitBytes;
    traffic.missBytes += missBytes;
  }

  /** Time from the request's head to the answer's. */
  addTtfb(result: CacheResult, ms: number): void {
    (result === 'HIT' || result === 'STALE' ? this.hitTtfb : this.missTtfb).observe(ms);
  }

  /** One answer; bytes are counted as they leave. */
  addResult(origin: CountedOrigin, result: CacheResult): void {
    this.results[result] += 1;
    const traffic = origin.traffic ?? this.#attach(origin);
    if (result === 'HIT' || result === 'STALE') traffic.hits += 1;
    else traffic.misses += 1;
  }

  snapshot(): TrafficSnapshot {
    const { requests, activeRequests, errors5xx, refused, hitBytes, missBytes } = this;
    return {
      ...{ requests, activeRequests, errors5xx, refused, hitBytes, missBytes },
      results: { ...this.results },
      overloads: { ...this.overloads },
      byOrigin: Object.fromEntries([...this.byOrigin].map(([host, traffic]) => [host, { ...traffic }])),
      ttfb: { hit: this.hitTtfb.snapshot(), miss: this.missTtfb.snapshot() },
      connections: { ...this.connections },
    };
  }
}

/** Sum of two snapshots of the same moment, such as those of two threads. */
export function addSnapshots(a: TrafficSnapshot, b: TrafficSnapshot): TrafficSnapshot {
  const byOrigin = { ...a.byOrigin };
  for (const [host, more] of Object.entries(b.byOrigin)) {
    const former = byOrigin[host];
    byOrigin[host] = former === undefined ? more : { ...former, ...addNumbers(former, more) };
  }
  return {
    requests: a.requests + b.requests,
    activeRequests: a.activeRequests + b.activeRequests,
    errors5xx: a.errors5xx + b.errors5xx,
    refused: a.refused + b.refused,
    hitBytes: a.hitBytes + b.hitBytes,
    missBytes: a.missBytes + b.missBytes,
    results: addNumbers(a.results, b.results),
    overloads: addNumbers(a.overloads, b.overloads),
    byOrigin,
    ttfb: { hit: addHistograms(a.ttfb.hit, b.ttfb.hit), miss: addHistograms(a.ttfb.miss, b.ttfb.miss) },
    connections: addNumbers(a.connections, b.connections),
  };
}

function addNumbers<T extends object>(a: T, b: T): T {
  const sum = { ...a } as Record<string, unknown>;
  for (const [name, value] of Object.entries(b)) if (typeof value === 'number') sum[name] = value + Number(sum[name]);
  return sum as T;
}

/** Bytes and answers by content class, classes without traffic left out. */
export function byContentClass(
  byOrigin: TrafficSnapshot['byOrigin'],
): Map<ContentClass, Omit<OriginTraffic, 'host' | 'contentClass'>> {
  const sums = new Map<ContentClass, Omit<OriginTraffic, 'host' | 'contentClass'>>();
  for (const contentClass of CONTENT_CLASSES) {
    for (const origin of Object.values(byOrigin)) {
      if (origin.contentClass !== contentClass) continue;
      const { hitBytes, missBytes, hits, misses } = origin;
      const former = sums.get(contentClass) ?? { hitBytes: 0, missBytes: 0, hits: 0, misses: 0 };
      sums.set(contentClass, addNumbers(former, { hitBytes, missBytes, hits, misses }));
    }
  }
  return sums;
}

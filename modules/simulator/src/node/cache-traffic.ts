// What clients fetch from a simulated cache, and the cache's report of it (docs/contracts.md 7): a daily curve, several origins. Pure but for its draws.

import type { CacheReport } from '@wayside/protocol';
import type { Chance } from '../chance/chance.ts';
import type { Traits } from './traits.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Traffic peaks in the evening; the quietest hours have this share of the peak. */
const PEAK_HOUR = 20.5;
const NIGHT_SHARE = 0.12;
/** Ranges of clients are a megabyte at most. */
const REQUEST_BYTES = 900_000;
/** A cold cache answers this share; half of the way to its warm one after so many bytes. */
const COLD_HIT_RATIO = 0.15;
const WARM_HALF_BYTES = 40e9;
const ERRORS_SHARE = 0.0002;
const GIGABYTE = 1e9;

/** Volume of the origins, of the class each belongs to. */
const ORIGINS = [
  { host: 'au.download.windowsupdate.com', contentClass: 'windowsUpdate', weight: 34 },
  { host: 'tlu.dl.delivery.mp.microsoft.com', contentClass: 'windowsUpdate', weight: 22 },
  { host: 'officecdn.microsoft.com', contentClass: 'office', weight: 12 },
  { host: 'assets1.xboxlive.com', contentClass: 'xbox', weight: 18 },
  { host: 'swda01-mscdn.manage.microsoft.com', contentClass: 'intune', weight: 6 },
  { host: 'sf.teams.static.microsoft', contentClass: 'teams', weight: 8 },
] as const;
const WEIGHTS = ORIGINS.reduce((sum, { weight }) => sum + weight, 0);

type Origin = CacheReport['byOrigin'][number] & { contentClass: string; hits: number; misses: number };

/** Share of the peak at this time of the node's day, NIGHT_SHARE to 1. */
export function dayShare(atMs: number, zoneMs: number): number {
  const hour = ((((atMs + zoneMs) % DAY_MS) + DAY_MS) % DAY_MS) / HOUR_MS;
  const wave = (1 + Math.cos(((hour - PEAK_HOUR) / 24) * 2 * Math.PI)) / 2;
  return NIGHT_SHARE + (1 - NIGHT_SHARE) * wave ** 1.5;
}

export class CacheTraffic {
  readonly #traits: Traits;
  readonly #chance: Chance;
  readonly #drive: { path: string; sizeBytes: number };
  #hitBytes = 0;
  #missBytes = 0;
  #usedBytes = 0;

  constructor(traits: Traits, chance: Chance, drive: { path: string; sizeGb: number }) {
    this.#traits = traits;
    this.#chance = chance;
    this.#drive = { path: drive.path, sizeBytes: drive.sizeGb * GIGABYTE };
  }

  /** The report of an interval, milliseconds since 1970. Counters grow with it. */
  report(fromMs: number, toMs: number): CacheReport {
    const mbps = this.#traits.peakMbps * dayShare(toMs, this.#traits.zoneMs) * this.#chance.between(0.8, 1.2);
    const bytes = (mbps * 1e6 * Math.max(0, toMs - fromMs)) / 8_000;
    const byOrigin = ORIGINS.map((origin) => this.#origin(origin, bytes)).filter(isBusy);
    const sum = total(byOrigin);
    this.#hitBytes += sum.hitBytes;
    this.#missBytes += sum.missBytes;
    this.#usedBytes = Math.min(this.#drive.sizeBytes, this.#usedBytes + sum.missBytes);
    const requests = sum.hits + sum.misses;
    return {
      schemaVersion: '1.0',
      fromUtc: new Date(fromMs).toISOString(),
      toUtc: new Date(toMs).toISOString(),
      requests,
      ...sum,
      errors5xx: Math.round(requests * ERRORS_SHARE * this.#chance.between(0, 2)),
      egressBytes: sum.hitBytes + sum.missBytes,
      ingressBytes: sum.missBytes,
      totals: this.#totals(),
      byOrigin: byOrigin.sort((a, b) => b.hitBytes + b.missBytes - a.hitBytes - a.missBytes),
      byContentClass: [...Map.groupBy(byOrigin, ({ contentClass }) => contentClass)].map(([contentClass, origins]) => ({
        contentClass,
        ...total(origins),
      })),
      drives: [{ ...this.#drive, usedBytes: this.#usedBytes, state: 'ok', issue: null }],
    };
  }

  #totals(): CacheReport['totals'] {
    const egressBytes = this.#hitBytes + this.#missBytes;
    const hitRatioBytes = egressBytes === 0 ? 0 : this.#hitBytes / egressBytes;
    return { hitBytes: this.#hitBytes, missBytes: this.#missBytes, egressBytes, hitRatioBytes };
  }

  #origin({ host, contentClass, weight }: (typeof ORIGINS)[number], bytes: number): Origin {
    const volume = (bytes * weight * this.#chance.between(0.5, 1.5)) / WEIGHTS;
    const warmth = this.#missBytes / (this.#missBytes + WARM_HALF_BYTES);
    const ratio = COLD_HIT_RATIO + (this.#traits.hitRatio - COLD_HIT_RATIO) * warmth;
    const hitBytes = Math.round(volume * ratio);
    const missBytes = Math.round(volume) - hitBytes;
    const requestsOf = (part: number) => Math.ceil(part / REQUEST_BYTES);
    return { host, contentClass, hitBytes, missBytes, hits: requestsOf(hitBytes), misses: requestsOf(missBytes) };
  }
}

function isBusy({ hitBytes, missBytes }: Origin): boolean {
  return hitBytes + missBytes > 0;
}

function total(origins: readonly Origin[]): { hits: number; misses: number; hitBytes: number; missBytes: number } {
  const sum = { hits: 0, misses: 0, hitBytes: 0, missBytes: 0 };
  for (const { hits, misses, hitBytes, missBytes } of origins) {
    sum.hits += hits;
    sum.misses += misses;
    sum.hitBytes += hitBytes;
    sum.missBytes += missBytes;
  }
  return sum;
}

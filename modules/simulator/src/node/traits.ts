// What kind of node a node is: its size, its pace, its faults. Drawn once from seed and name; pure.

import { Chance } from '../chance/chance.ts';

/** Peak of clients' traffic: half of the nodes lie below it. */
const PEAK_MBPS_MEDIAN = 300;
const PEAK_MBPS_MAX = 950;
const PEAK_SPREAD = 0.8;
const APPLY_SPREAD = 0.5;
const HOUR_MS = 3_600_000;
const STALE_AFTER_MS_MIN = 60_000;
const STALE_AFTER_MS_MAX = 180_000;

export interface FaultShares {
  flap: number;
  failShare: number;
  staleShare: number;
}

export interface Traits {
  peakMbps: number;
  /** Of all bytes, once the cache is warm: 0..1. */
  hitRatio: number;
  /** Local time minus UTC. */
  zoneMs: number;
  /** From a desired version to its report. */
  applyMs: number;
  isFlapping: boolean;
  pullsFail: boolean;
  /** The node falls silent so long after it came up; undefined = never. */
  staleAfterMs: number | undefined;
}

export function drawTraits(seed: number, name: string, applySecs: number, shares: FaultShares): Traits {
  // One draw a trait, each from its own source: another share of faults leaves the other traits as they are.
  const of = (trait: string) => Chance.of(seed, `${name}/${trait}`);
  return {
    peakMbps: Math.min(PEAK_MBPS_MAX, of('peak').around(PEAK_MBPS_MEDIAN, PEAK_SPREAD)),
    hitRatio: of('hits').between(0.8, 0.97),
    zoneMs: Math.round(of('zone').between(-8, 10)) * HOUR_MS,
    applyMs: of('apply').around(applySecs * 1000, APPLY_SPREAD),
    isFlapping: of('flap').isBelow(shares.flap),
    pullsFail: of('fail').isBelow(shares.failShare),
    staleAfterMs: of('stale').isBelow(shares.staleShare)
      ? of('stale-after').between(STALE_AFTER_MS_MIN, STALE_AFTER_MS_MAX)
      : undefined,
  };
}

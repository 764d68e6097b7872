// Columns for the charts from the points of /traffic: every step of the range has a value, also those without traffic.

import type { TrafficAnswer } from './traffic-figures.ts';

export interface Rates {
  /** UNIX seconds. */
  times: number[];
  /** bit/s */
  out: number[];
  in: number[];
  /** 0..1; null = no traffic. */
  share: (number | null)[];
}

export interface Volumes {
  times: number[];
  /** Largest first. `own`: bytes of the class; `stacked`: with those below it. */
  classes: { label: string; total: number; own: number[]; stacked: number[] }[];
}

export function ratesOf(traffic: TrafficAnswer): Rates {
  const times = doneSteps(traffic);
  const at = indexOf(traffic, times);
  const hit = times.map(() => 0);
  const miss = times.map(() => 0);
  for (const point of traffic.points) {
    const index = at(point.atUtc);
    if (index >= times.length) continue;
    hit[index] = (hit[index] ?? 0) + point.hitBytes;
    miss[index] = (miss[index] ?? 0) + point.missBytes;
  }
  const rate = (bytes: number) => (bytes * 8) / traffic.stepSecs;
  return {
    times,
    out: times.map((_, index) => rate((hit[index] ?? 0) + (miss[index] ?? 0))),
    in: miss.map(rate),
    share: times.map((_, index) => {
      const all = (hit[index] ?? 0) + (miss[index] ?? 0);
      return all > 0 ? (hit[index] ?? 0) / all : null;
    }),
  };
}

/** `columns`: how many bars the range is gathered into. */
export function volumesOf(traffic: TrafficAnswer, columns: number): Volumes {
  const steps = timesOf(traffic);
  const per = Math.max(1, Math.ceil(steps.length / columns));
  const times = steps.filter((_, index) => index % per === 0);
  const at = indexOf(traffic, steps);
  const byClass = new Map<string, number[]>();
  for (const { label, atUtc, hitBytes, missBytes } of traffic.points) {
    const own = byClass.get(label) ?? times.map(() => 0);
    byClass.set(label, own);
    const index = Math.min(times.length - 1, Math.floor(at(atUtc) / per));
    own[index] = (own[index] ?? 0) + hitBytes + missBytes;
  }
  const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
  const sorted = [...byClass]
    .map(([label, own]) => ({ label, own, total: sum(own) }))
    .sort((a, b) => b.total - a.total);
  const below = times.map(() => 0);
  const classes = sorted.map(({ label, own, total }) => {
    for (const [index, bytes] of own.entries()) below[index] = (below[index] ?? 0) + bytes;
    return { label, total, own, stacked: [...below] };
  });
  return { times, classes };
}

function timesOf({ fromUtc, toUtc, stepSecs }: TrafficAnswer): number[] {
  const from = Math.floor(Date.parse(fromUtc) / 1000 / stepSecs) * stepSecs;
  const count = Math.floor((Date.parse(toUtc) / 1000 - from) / stepSecs) + 1;
  return Array.from({ length: count }, (_, index) => from + index * stepSecs);
}

/** Without the step under way: what has come of it so far would look like a fall. */
function doneSteps(traffic: TrafficAnswer): number[] {
  const endSecs = Date.parse(traffic.toUtc) / 1000;
  return timesOf(traffic).filter((time) => time + traffic.stepSecs <= endSecs);
}

function indexOf({ stepSecs }: TrafficAnswer, times: readonly number[]): (utc: string) => number {
  const first = times[0] ?? 0;
  return (utc) => Math.max(0, Math.round((Date.parse(utc) / 1000 - first) / stepSecs));
}

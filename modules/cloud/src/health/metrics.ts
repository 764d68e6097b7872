// Metrics of a node or of all nodes for the ranges of the portal (connected-cache.md 1.8): average and highest traffic out and in, efficiency,
// and what the metrics page of the original shows of inbound traffic, hits and misses.

import { sql } from 'kysely';
import type { NodeDb } from '../nodes/tables.ts';
import { FIGURES, sumOf } from './fleet-minutes.ts';

const MINUTE_SECS = 60;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const METRIC_RANGES = ['1h', '12h', '1d', '7d', '14d', '30d'] as const;
export type MetricRange = (typeof METRIC_RANGES)[number];

/** Some 60 to 180 points each. */
const RANGES: { readonly [range in MetricRange]: { readonly spanMs: number; readonly stepMs: number } } = {
  '1h': { spanMs: HOUR_MS, stepMs: MINUTE_MS },
  '12h': { spanMs: 12 * HOUR_MS, stepMs: 5 * MINUTE_MS },
  '1d': { spanMs: DAY_MS, stepMs: 10 * MINUTE_MS },
  '7d': { spanMs: 7 * DAY_MS, stepMs: HOUR_MS },
  '14d': { spanMs: 14 * DAY_MS, stepMs: 2 * HOUR_MS },
  '30d': { spanMs: 30 * DAY_MS, stepMs: 4 * HOUR_MS },
};

export interface MetricPoint {
  atMs: number;
  /** Mbit/s over the minutes of the step that have figures, and of the busiest of them. */
  outMbps: number;
  outMbpsMax: number;
  inMbps: number;
  inMbpsMax: number;
  requests: number;
  hits: number;
  misses: number;
  errors5xx: number;
  hitBytes: number;
  missBytes: number;
}

/** Of the minutes that have figures. */
export interface Aggregate {
  count: number;
  average: number;
  minimum: number;
  maximum: number;
  sum: number;
}

export interface Rate {
  averageMbps: number;
  maxMbps: number;
  /** When the busiest minute began; null without figures. */
  maxAtMs: number | null;
}

export interface Metrics {
  stepMs: number;
  fromMs: number;
  toMs: number;
  /** Bytes from the cache of all bytes to clients, 0..1; null without traffic. */
  cacheEfficiency: number | null;
  out: Rate;
  in: Rate;
  /** Traffic to clients that was not in the cache. */
  miss: Rate;
  inboundBytes: Aggregate;
  hits: Aggregate;
  misses: Aggregate;
  /** Oldest first; steps without figures are left out. */
  points: MetricPoint[];
}

/** `nodeName` undefined = all nodes together. */
export async function readMetrics(
  db: NodeDb,
  query: { nodeName?: string | undefined; range: MetricRange; nowMs: number },
): Promise<Metrics> {
  const { spanMs, stepMs } = RANGES[query.range];
  const startMs = query.nowMs - spanMs;
  const fromMs = startMs - (startMs % stepMs);
  const minutes = minutesOf(db, query.nodeName, fromMs, query.nowMs);
  const points = await readPoints(minutes, stepMs);
  const total = await readTotal(minutes);
  const served = total.hitBytes + total.missBytes;
  return {
    ...{ stepMs, fromMs, toMs: query.nowMs, points },
    cacheEfficiency: served > 0 ? round(total.hitBytes / served) : null,
    out: await rateOf(minutes, 'egress_bytes', total.count, total.out),
    in: await rateOf(minutes, 'ingress_bytes', total.count, total.inbound),
    miss: await rateOf(minutes, 'miss_bytes', total.count, total.missBytes),
    inboundBytes: aggregate(total.count, total.inbound, total.inboundMin, total.inboundMax),
    hits: aggregate(total.count, total.hits, total.hitsMin, total.hitsMax),
    misses: aggregate(total.count, total.misses, total.missesMin, total.missesMax),
  };
}

/** The minutes of the range, one row each, to be grouped further. */
function minutesOf(db: NodeDb, nodeName: string | undefined, fromMs: number, toMs: number) {
  if (nodeName === undefined) {
    const rows = db
      .selectFrom('fleet_minute')
      .select(['minute_ms', ...FIGURES])
      .where('minute_ms', '>=', fromMs)
      .where('minute_ms', '<=', toMs);
    return db.selectFrom(rows.as('minutes'));
  }
  const rows = db
    .selectFrom('cache_minute')
    .select(['minute_ms', ...FIGURES.map(sumOf)])
    .where('node_name', '=', nodeName)
    .where('minute_ms', '>=', fromMs)
    .where('minute_ms', '<=', toMs)
    .groupBy('minute_ms');
  return db.selectFrom(rows.as('minutes'));
}

type Minutes = ReturnType<typeof minutesOf>;

async function readPoints(minutes: Minutes, stepMs: number): Promise<MetricPoint[]> {
  const start = sql<number>`minute_ms - minute_ms % ${sql.lit(stepMs)}`;
  const rows = await minutes
    .select((eb) => [
      start.as('atMs'),
      eb.fn.countAll<number>().as('count'),
      eb.fn.max<number>('egress_bytes').as('outMax'),
      eb.fn.max<number>('ingress_bytes').as('inMax'),
      ...FIGURES.map((figure) => eb.fn.sum<number>(figure).as(figure)),
    ])
    .groupBy(start)
    .orderBy('atMs')
    .execute();
  return rows.map((row) => ({
    atMs: Number(row.atMs),
    outMbps: mbps(row.egress_bytes, row.count),
    outMbpsMax: mbps(row.outMax, 1),
    inMbps: mbps(row.ingress_bytes, row.count),
    inMbpsMax: mbps(row.inMax, 1),
    ...{ requests: row.requests, hits: row.hits, misses: row.misses, errors5xx: row.errors5xx },
    ...{ hitBytes: row.hit_bytes, missBytes: row.miss_bytes },
  }));
}

async function readTotal(minutes: Minutes) {
  const row = await minutes
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number | null>('egress_bytes').as('out'),
      eb.fn.sum<number | null>('ingress_bytes').as('inbound'),
      eb.fn.min<number | null>('ingress_bytes').as('inboundMin'),
      eb.fn.max<number | null>('ingress_bytes').as('inboundMax'),
      eb.fn.sum<number | null>('hits').as('hits'),
      eb.fn.min<number | null>('hits').as('hitsMin'),
      eb.fn.max<number | null>('hits').as('hitsMax'),
      eb.fn.sum<number | null>('misses').as('misses'),
      eb.fn.min<number | null>('misses').as('missesMin'),
      eb.fn.max<number | null>('misses').as('missesMax'),
      eb.fn.sum<number | null>('hit_bytes').as('hitBytes'),
      eb.fn.sum<number | null>('miss_bytes').as('missBytes'),
    ])
    .executeTakeFirstOrThrow();
  const entries = Object.entries(row).map(([key, value]) => [key, Number(value ?? 0)]);
  return Object.fromEntries(entries) as { [K in keyof typeof row]: number };
}

async function rateOf(
  minutes: Minutes,
  figure: 'egress_bytes' | 'ingress_bytes' | 'miss_bytes',
  count: number,
  sum: number,
): Promise<Rate> {
  const busiest = await minutes
    .select(['minute_ms', figure])
    .orderBy(figure, 'desc')
    .orderBy('minute_ms')
    .limit(1)
    .executeTakeFirst();
  return {
    averageMbps: mbps(sum, count),
    maxMbps: busiest ? mbps(busiest[figure], 1) : 0,
    maxAtMs: busiest ? busiest.minute_ms : null,
  };
}

function aggregate(count: number, sum: number, minimum: number, maximum: number): Aggregate {
  return { count, average: count > 0 ? sum / count : 0, minimum, maximum, sum };
}

/** Bytes of so many minutes as Mbit/s. */
function mbps(bytes: number, minutes: number): number {
  return minutes > 0 ? round((bytes * 8) / 1e6 / (minutes * MINUTE_SECS)) : 0;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

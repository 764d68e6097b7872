// Cache reports of the nodes, added up per minute: egress, ingress, hits, misses. Repeated deliveries add nothing.

import type { CacheReport, NodeMonitor } from '@wayside/protocol';
import type { CacheMinuteTable, NodeDb } from '../nodes/tables.ts';
import type { EventKind, NewEvent } from '../nodes/timeline.ts';
import { sumOf } from './fleet-minutes.ts';
import { addTraffic, pruneTraffic } from './traffic-slices.ts';

const MINUTE_MS = 60_000;
/** Span of the hit ratio in `monitor`. */
export const RATIO_SPAN_MS = 5 * MINUTE_MS;
/** Reports come every 15 s; after this long without one the present rate is not known any more. */
export const RATE_AGE_MS_MAX = MINUTE_MS;
const FIGURES_KEPT_MS = 31 * 86_400_000;
const FIGURES_POINTS_MAX = 10_000;

export type MinuteFigures = Omit<CacheMinuteTable, 'node_name' | 'module' | 'minute_ms'> & { minuteAtMs: number };

type Sums = Omit<CacheMinuteTable, 'node_name' | 'module' | 'minute_ms'>;

/** Adds a report in the caller's transaction; the events are drives that failed or came back. */
export async function addReport(
  db: NodeDb,
  nodeName: string,
  module: string,
  report: CacheReport,
  toMs: number,
): Promise<NewEvent[]> {
  const last = await readLast(db, nodeName, module);
  if (last && last.toMs >= toMs) return [];
  const sums = sumsOf(report);
  await db
    .insertInto('cache_minute')
    .values({ node_name: nodeName, module, minute_ms: toMs - (toMs % MINUTE_MS), ...sums })
    .onConflict((oc) =>
      oc.columns(['node_name', 'minute_ms', 'module']).doUpdateSet((eb) => ({
        requests: eb('cache_minute.requests', '+', sums.requests),
        hits: eb('cache_minute.hits', '+', sums.hits),
        misses: eb('cache_minute.misses', '+', sums.misses),
        errors5xx: eb('cache_minute.errors5xx', '+', sums.errors5xx),
        hit_bytes: eb('cache_minute.hit_bytes', '+', sums.hit_bytes),
        miss_bytes: eb('cache_minute.miss_bytes', '+', sums.miss_bytes),
        egress_bytes: eb('cache_minute.egress_bytes', '+', sums.egress_bytes),
        ingress_bytes: eb('cache_minute.ingress_bytes', '+', sums.ingress_bytes),
      })),
    )
    .execute();
  await addTraffic(db, nodeName, report, toMs);
  const stored = JSON.stringify(report);
  await db
    .insertInto('cache_last')
    .values({ node_name: nodeName, module, to_ms: toMs, report: stored })
    .onConflict((oc) => oc.columns(['node_name', 'module']).doUpdateSet({ to_ms: toMs, report: stored }))
    .execute();
  return driveEvents(nodeName, last?.report, report, toMs);
}

/** Newest report of any cache module of the node. */
export async function readNewestReport(
  db: NodeDb,
  nodeName: string,
): Promise<{ report: CacheReport; toMs: number } | undefined> {
  const row = await db
    .selectFrom('cache_last')
    .select(['report', 'to_ms'])
    .where('node_name', '=', nodeName)
    .orderBy('to_ms', 'desc')
    .executeTakeFirst();
  return row && { report: JSON.parse(row.report), toMs: row.to_ms };
}

/** The `cache` part of the monitor document; null before the first report. */
export async function readCacheMonitor(db: NodeDb, nodeName: string, nowMs: number): Promise<NodeMonitor['cache']> {
  const newest = await readNewestReport(db, nodeName);
  if (!newest) return null;
  const { report, toMs } = newest;
  const minutes = await readMinutes(db, nodeName, { fromMs: nowMs - RATIO_SPAN_MS, toMs: nowMs + MINUTE_MS });
  const egress = minutes.reduce((sum, minute) => sum + minute.egress_bytes, 0);
  const hits = minutes.reduce((sum, minute) => sum + minute.hit_bytes, 0);
  const seconds = Math.max(1, (toMs - Date.parse(report.fromUtc)) / 1000);
  const isPresent = nowMs - toMs <= RATE_AGE_MS_MAX;
  const perSecond = (amount: number) => (isPresent ? amount / seconds : 0);
  return {
    egressMbps: round((perSecond(report.egressBytes) * 8) / 1e6),
    ingressMbps: round((perSecond(report.ingressBytes) * 8) / 1e6),
    hitRatio: egress === 0 ? null : round(hits / egress),
    requestsPerSec: round(perSecond(report.requests)),
    totals: report.totals ?? { hitBytes: 0, missBytes: 0, egressBytes: 0, hitRatioBytes: 0 },
    drives: report.drives ?? [],
    atUtc: report.toUtc,
  };
}

/** All cache modules of the node together, oldest first; minutes without a report are left out. */
export async function readMinutes(
  db: NodeDb,
  nodeName: string,
  span: { fromMs: number; toMs: number },
): Promise<MinuteFigures[]> {
  const rows = await db
    .selectFrom('cache_minute')
    .select([
      'minute_ms as minuteAtMs',
      sumOf('requests'),
      sumOf('hits'),
      sumOf('misses'),
      sumOf('errors5xx'),
      sumOf('hit_bytes'),
      sumOf('miss_bytes'),
      sumOf('egress_bytes'),
      sumOf('ingress_bytes'),
    ])
    .where('node_name', '=', nodeName)
    .where('minute_ms', '>=', span.fromMs)
    .where('minute_ms', '<', span.toMs)
    .groupBy('minute_ms')
    .orderBy('minute_ms')
    .limit(FIGURES_POINTS_MAX)
    .execute();
  return rows;
}

export async function pruneFigures(db: NodeDb, nowMs: number): Promise<void> {
  await db
    .deleteFrom('cache_minute')
    .where('minute_ms', '<', nowMs - FIGURES_KEPT_MS)
    .execute();
  await pruneTraffic(db, nowMs);
}

async function readLast(db: NodeDb, nodeName: string, module: string) {
  const row = await db
    .selectFrom('cache_last')
    .select(['report', 'to_ms'])
    .where('node_name', '=', nodeName)
    .where('module', '=', module)
    .executeTakeFirst();
  return row && { report: JSON.parse(row.report) as CacheReport, toMs: row.to_ms };
}

function sumsOf(report: CacheReport): Sums {
  return {
    requests: report.requests,
    hits: report.hits,
    misses: report.misses,
    errors5xx: report.errors5xx ?? 0,
    hit_bytes: report.hitBytes,
    miss_bytes: report.missBytes,
    egress_bytes: report.egressBytes,
    ingress_bytes: report.ingressBytes,
  };
}

function driveEvents(nodeName: string, before: CacheReport | undefined, after: CacheReport, atMs: number): NewEvent[] {
  const kind: EventKind = 'drive';
  const events: NewEvent[] = [];
  for (const drive of after.drives ?? []) {
    const known = before?.drives?.find((other) => other.path === drive.path);
    if ((known?.state ?? 'ok') === drive.state) continue;
    const text =
      drive.state === 'ok'
        ? `Cache drive ${drive.path} is back`
        : `Cache drive ${drive.path} failed: ${drive.issue ?? 'Other'}`;
    events.push({ nodeName, kind, subject: drive.path, text, details: { issue: drive.issue }, atMs });
  }
  return events;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

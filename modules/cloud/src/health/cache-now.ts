// Traffic of many nodes as of now, for lists: egress of the newest report, hit ratio of the last minutes. Two statements, however many nodes.

import type { CacheReport } from '@wayside/protocol';
import type { NodeDb } from '../nodes/tables.ts';
import { RATE_AGE_MS_MAX, RATIO_SPAN_MS } from './cache-figures.ts';
import { sumOf } from './fleet-minutes.ts';

export interface CacheNow {
  /** Mbit/s sent to clients; null = no report of the last minute. */
  egressMbps: number | null;
  /** 0..1 of the bytes sent in the last 5 minutes; null = nothing was sent. */
  hitRatio: number | null;
}

export const NOTHING_NOW: CacheNow = { egressMbps: null, hitRatio: null };

/** As many names stand in one statement; more are cheaper to read with all others. */
export const NAMES_MAX = 500;

/** By name. `names` undefined or more than NAMES_MAX: of all nodes. */
export async function readCacheNow(
  db: NodeDb,
  names: readonly string[] | undefined,
  nowMs: number,
): Promise<Map<string, CacheNow>> {
  const few = names !== undefined && names.length <= NAMES_MAX ? names : undefined;
  if (few?.length === 0) return new Map();
  let last = db
    .selectFrom('cache_last')
    .select(['node_name', 'report'])
    .where('to_ms', '>=', nowMs - RATE_AGE_MS_MAX);
  let recent = db
    .selectFrom('cache_minute')
    .select(['node_name', sumOf('egress_bytes'), sumOf('hit_bytes')])
    .where('minute_ms', '>=', nowMs - RATIO_SPAN_MS)
    .groupBy('node_name');
  if (few) {
    last = last.where('node_name', 'in', few);
    recent = recent.where('node_name', 'in', few);
  }
  const found = new Map<string, CacheNow>();
  for (const row of await recent.execute()) {
    const hitRatio = row.egress_bytes > 0 ? rounded(row.hit_bytes / row.egress_bytes) : null;
    found.set(row.node_name, { ...NOTHING_NOW, hitRatio });
  }
  for (const row of await last.execute()) {
    const known = found.get(row.node_name) ?? NOTHING_NOW;
    const egressMbps = rounded((known.egressMbps ?? 0) + rateOf(JSON.parse(row.report)));
    found.set(row.node_name, { ...known, egressMbps });
  }
  return found;
}

/** Mbit/s over the span of the report. */
function rateOf({ fromUtc, toUtc, egressBytes }: CacheReport): number {
  const seconds = Math.max(1, (Date.parse(toUtc) - Date.parse(fromUtc)) / 1000);
  return (egressBytes * 8) / 1e6 / seconds;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

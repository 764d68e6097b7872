// Traffic of the nodes rolled up by minute, hour and day, for the ranges of the portal's charts (connected-cache.md 1.8).

import type { CacheReport } from '@wayside/protocol';
import type { CompiledQuery, Insertable } from 'kysely';
import type { NodeDb, TrafficSliceTable } from '../nodes/tables.ts';

export type TrafficStep = 'minute' | 'hour' | 'day';
export type TrafficKind = 'total' | 'origin' | 'contentClass';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
export const STEP_MS: { readonly [step in TrafficStep]: number } = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };

/** A little longer than the longest range that reads the step. Minutes by origin are many: they serve the last hour alone. */
const KEPT_MS: { readonly [step in TrafficStep]: { readonly [kind in TrafficKind]: number } } = {
  minute: { total: 26 * HOUR_MS, contentClass: 26 * HOUR_MS, origin: 2 * HOUR_MS },
  hour: { total: 31 * DAY_MS, contentClass: 31 * DAY_MS, origin: 31 * DAY_MS },
  day: { total: 400 * DAY_MS, contentClass: 400 * DAY_MS, origin: 400 * DAY_MS },
};

export const TRAFFIC_RANGES = ['1h', '12h', '1d', '7d', '14d', '30d', '365d'] as const;
export type TrafficRange = (typeof TRAFFIC_RANGES)[number];
const RANGE_MS: { readonly [range in TrafficRange]: number } = {
  ...{ '1h': HOUR_MS, '12h': 12 * HOUR_MS, '1d': DAY_MS, '7d': 7 * DAY_MS },
  ...{ '14d': 14 * DAY_MS, '30d': 30 * DAY_MS, '365d': 365 * DAY_MS },
};

/** Labels of one report and kind; the rest is added up as OTHER. */
const LABELS_MAX = 30;
const LABEL_CHARACTERS_MAX = 253;
/** What is too little to stand alone. */
export const OTHER = '(other)';
/** Points of one answer: a day of minutes times the content classes, or a month of hours times the origins. */
const POINTS_MAX = 50_000;

interface Volume {
  hits: number;
  misses: number;
  hitBytes: number;
  missBytes: number;
}

interface Labelled extends Volume {
  kind: TrafficKind;
  label: string;
}

/** Finest step that a range is told in. */
export function stepOf(range: TrafficRange, kind: TrafficKind): TrafficStep {
  const spanMs = RANGE_MS[range];
  if (spanMs > 30 * DAY_MS) return 'day';
  if (spanMs > DAY_MS) return 'hour';
  return kind === 'origin' && spanMs > HOUR_MS ? 'hour' : 'minute';
}

/** Adds a report, in the caller's transaction; whoever calls makes sure that a report is added once. */
export async function addTraffic(db: NodeDb, nodeName: string, report: CacheReport, toMs: number): Promise<void> {
  const parts = partsOf(report);
  const rows = (Object.keys(STEP_MS) as TrafficStep[]).flatMap((step) =>
    parts.map(({ kind, label, hits, misses, hitBytes, missBytes }) => ({
      ...{ node_name: nodeName, step, kind, label, start_ms: toMs - (toMs % STEP_MS[step]) },
      ...{ hits, misses, hit_bytes: hitBytes, miss_bytes: missBytes },
    })),
  );
  const statement = upsertOf(db, rows);
  await db.executeQuery({ ...statement, parameters: rows.flatMap((row) => Object.values(row)) });
}

type SliceRow = Insertable<TrafficSliceTable>;

/** Texts by number of rows: to write one takes longer than to run it, and a report of thousands of nodes has as many rows as the one before. */
const upserts = new WeakMap<object, Map<number, CompiledQuery>>();

/** The parameters are the rows' values, row by row. */
function upsertOf(db: NodeDb, rows: readonly SliceRow[]): CompiledQuery {
  const { adapter } = db.getExecutor();
  const known = upserts.get(adapter) ?? new Map<number, CompiledQuery>();
  upserts.set(adapter, known);
  const statement = known.get(rows.length) ?? compileUpsert(db, rows);
  known.set(rows.length, statement);
  return statement;
}

function compileUpsert(db: NodeDb, rows: readonly SliceRow[]): CompiledQuery {
  return db
    .insertInto('traffic_slice')
    .values(rows)
    .onConflict((oc) =>
      oc.columns(['node_name', 'step', 'kind', 'start_ms', 'label']).doUpdateSet((eb) => ({
        hits: eb('traffic_slice.hits', '+', eb.ref('excluded.hits')),
        misses: eb('traffic_slice.misses', '+', eb.ref('excluded.misses')),
        hit_bytes: eb('traffic_slice.hit_bytes', '+', eb.ref('excluded.hit_bytes')),
        miss_bytes: eb('traffic_slice.miss_bytes', '+', eb.ref('excluded.miss_bytes')),
      })),
    )
    .compile();
}

export interface TrafficPoint extends Volume {
  atMs: number;
  label: string;
}

export interface Traffic {
  step: TrafficStep;
  fromMs: number;
  toMs: number;
  /** By time, then label; steps without traffic are left out. */
  points: TrafficPoint[];
}

/** Of one node, or of all together. The step under way is part of it. */
export async function readTraffic(
  db: NodeDb,
  query: { nodeName?: string | undefined; range: TrafficRange; kind: TrafficKind; nowMs: number },
): Promise<Traffic> {
  const step = stepOf(query.range, query.kind);
  const startMs = query.nowMs - RANGE_MS[query.range];
  const fromMs = startMs - (startMs % STEP_MS[step]);
  let select = db
    .selectFrom('traffic_slice')
    .select((eb) => [
      ...(['start_ms as atMs', 'label'] as const),
      eb.fn.sum<number>('hits').as('hits'),
      eb.fn.sum<number>('misses').as('misses'),
      eb.fn.sum<number>('hit_bytes').as('hitBytes'),
      eb.fn.sum<number>('miss_bytes').as('missBytes'),
    ])
    .where('step', '=', step)
    .where('kind', '=', query.kind)
    .where('start_ms', '>=', fromMs)
    .where('start_ms', '<=', query.nowMs);
  if (query.nodeName !== undefined) select = select.where('node_name', '=', query.nodeName);
  const points = await select
    .groupBy(['start_ms', 'label'])
    .orderBy('start_ms')
    .orderBy('label')
    .limit(POINTS_MAX)
    .execute();
  return { step, fromMs, toMs: query.nowMs, points };
}

export async function pruneTraffic(db: NodeDb, nowMs: number): Promise<void> {
  for (const step of Object.keys(STEP_MS) as TrafficStep[]) {
    for (const kind of ['total', 'origin', 'contentClass'] as const) {
      await db
        .deleteFrom('traffic_slice')
        .where('step', '=', step)
        .where('kind', '=', kind)
        .where('start_ms', '<', nowMs - KEPT_MS[step][kind])
        .execute();
    }
  }
}

/** A report as rows: totals, the busiest origins and classes by name, the rest as OTHER, so that each kind adds up to the totals. */
function partsOf(report: CacheReport): Labelled[] {
  const total: Volume = {
    hits: report.hits,
    misses: report.misses,
    hitBytes: report.hitBytes,
    missBytes: report.missBytes,
  };
  const origins = (report.byOrigin ?? []).map((one) => ({ ...one, label: one.host }));
  const classes = (report.byContentClass ?? []).map((one) => ({ ...one, label: one.contentClass }));
  return [
    { kind: 'total', label: '', ...total },
    ...labelled('origin', origins, total),
    ...labelled('contentClass', classes, total),
  ];
}

type Share = { label: unknown } & { [K in keyof Volume]?: unknown };

function labelled(kind: TrafficKind, shares: readonly Share[], total: Volume): Labelled[] {
  const sums = new Map<string, Volume>();
  const rest = { ...total };
  const sorted = shares.map(readShare).sort((a, b) => b.hitBytes + b.missBytes - a.hitBytes - a.missBytes);
  for (const { label, ...volume } of sorted.slice(0, LABELS_MAX)) {
    if (label === '' || label === OTHER) continue;
    sums.set(label, plus(sums.get(label), volume, 1));
    Object.assign(rest, plus(rest, volume, -1));
  }
  const other = {
    hits: floor(rest.hits),
    misses: floor(rest.misses),
    hitBytes: floor(rest.hitBytes),
    missBytes: floor(rest.missBytes),
  };
  if (Object.values(other).some((amount) => amount > 0)) sums.set(OTHER, other);
  return [...sums].map(([label, volume]) => ({ kind, label, ...volume }));
}

/** A node's word: what is no count is none. */
function readShare({ label, hits, misses, hitBytes, missBytes }: Share): Volume & { label: string } {
  const count = (value: unknown) => (typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0);
  const name = typeof label === 'string' ? label.slice(0, LABEL_CHARACTERS_MAX) : '';
  return {
    label: name,
    hits: count(hits),
    misses: count(misses),
    hitBytes: count(hitBytes),
    missBytes: count(missBytes),
  };
}

function plus(a: Volume | undefined, b: Volume, sign: 1 | -1): Volume {
  return {
    hits: (a?.hits ?? 0) + sign * b.hits,
    misses: (a?.misses ?? 0) + sign * b.misses,
    hitBytes: (a?.hitBytes ?? 0) + sign * b.hitBytes,
    missBytes: (a?.missBytes ?? 0) + sign * b.missBytes,
  };
}

function floor(amount: number): number {
  return Math.max(0, amount);
}

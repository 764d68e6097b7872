// Claimed prefixes, decisions and their counts in the store.

import type { NodeDb } from '../nodes/tables.ts';
import type { Decision, Review, Space } from './review.ts';
import type { PrefixSource, PrefixState } from './tables.ts';

/** Rows of one statement: eight values each, and both databases take at least 32766. */
const ROWS_PER_STATEMENT = 200;
const PAGE_ROWS = 5_000;

export interface PrefixRow {
  nodeName: string;
  source: PrefixSource;
  prefix: string;
  sinceMs: number;
  state: PrefixState;
  code: string;
  feedback: string;
  originAsn: number | null;
}

export type NewPrefixRow = Omit<PrefixRow, keyof Review> & Review;

/** Adds rows, or sets state and origin of those that are there; `since` stays. */
export async function putPrefixes(db: NodeDb, rows: readonly NewPrefixRow[]): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
    const values = rows.slice(from, from + ROWS_PER_STATEMENT).map((row) => ({
      ...{ node_name: row.nodeName, source: row.source, prefix: row.prefix, since_ms: row.sinceMs },
      ...{ state: row.state, code: row.code, feedback: row.feedback, origin_asn: row.originAsn },
    }));
    await db
      .insertInto('node_prefix')
      .values(values)
      .onConflict((oc) =>
        oc.columns(['node_name', 'source', 'prefix']).doUpdateSet((eb) => ({
          ...{ state: eb.ref('excluded.state'), code: eb.ref('excluded.code') },
          ...{ feedback: eb.ref('excluded.feedback'), origin_asn: eb.ref('excluded.origin_asn') },
        })),
      )
      .execute();
  }
}

export async function deletePrefixes(
  db: NodeDb,
  nodeName: string,
  source: PrefixSource,
  prefixes: readonly string[],
): Promise<void> {
  for (let from = 0; from < prefixes.length; from += ROWS_PER_STATEMENT) {
    await db
      .deleteFrom('node_prefix')
      .where('node_name', '=', nodeName)
      .where('source', '=', source)
      .where('prefix', 'in', prefixes.slice(from, from + ROWS_PER_STATEMENT))
      .execute();
  }
}

/** Prefix and state alone: what the table needs at a start. */
export async function* walkStates(
  db: NodeDb,
  nodeName: string,
  source: PrefixSource,
): AsyncGenerator<{ prefix: string; state: PrefixState }[]> {
  let after = '';
  for (;;) {
    const rows = await db
      .selectFrom('node_prefix')
      .select(['prefix', 'state'])
      .where('node_name', '=', nodeName)
      .where('source', '=', source)
      .where('prefix', '>', after)
      .orderBy('prefix')
      .limit(PAGE_ROWS)
      .execute();
    const last = rows.at(-1);
    if (!last) return;
    yield rows;
    after = last.prefix;
    await new Promise(setImmediate);
  }
}

/** Those of `prefixes` that the node claims from this source. */
export async function readPrefixes(
  db: NodeDb,
  nodeName: string,
  source: PrefixSource,
  prefixes: readonly string[],
): Promise<PrefixRow[]> {
  const found: PrefixRow[] = [];
  for (let from = 0; from < prefixes.length; from += ROWS_PER_STATEMENT) {
    const rows = await db
      .selectFrom('node_prefix')
      .selectAll()
      .where('node_name', '=', nodeName)
      .where('source', '=', source)
      .where('prefix', 'in', prefixes.slice(from, from + ROWS_PER_STATEMENT))
      .execute();
    found.push(...rows.map(toPrefixRow));
  }
  return found;
}

/** All of a node and source, page by page: a full table does not fit a message, and the event loop gets its turn between pages. */
export async function* walkPrefixes(db: NodeDb, nodeName: string, source: PrefixSource): AsyncGenerator<PrefixRow[]> {
  let after = '';
  for (;;) {
    const rows = await db
      .selectFrom('node_prefix')
      .selectAll()
      .where('node_name', '=', nodeName)
      .where('source', '=', source)
      .where('prefix', '>', after)
      .orderBy('prefix')
      .limit(PAGE_ROWS)
      .execute();
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map(toPrefixRow);
    after = last.prefix;
    await new Promise(setImmediate);
  }
}

/** Pending for an overlap, the earliest claim first: at most `limit`. */
export async function readOverlapping(db: NodeDb, limit: number): Promise<PrefixRow[]> {
  const rows = await db
    .selectFrom('node_prefix')
    .selectAll()
    .where('state', '=', 'pending')
    .where('code', '=', 'Overlap')
    .orderBy('since_ms')
    .orderBy('node_name')
    .orderBy('prefix')
    .limit(limit)
    .execute();
  return rows.map(toPrefixRow);
}

/** Prefixes of a node and source by `state/code`. */
export async function countPrefixes(db: NodeDb, nodeName: string, source: PrefixSource): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('node_prefix')
    .select((eb) => ['state', 'code', eb.fn.countAll<number>().as('count')])
    .where('node_name', '=', nodeName)
    .where('source', '=', source)
    .groupBy(['state', 'code'])
    .execute();
  return new Map(rows.map((row) => [`${row.state}/${row.code}`, Number(row.count)]));
}

export interface PrefixFilter {
  nodeName?: string;
  source?: PrefixSource;
  state?: PrefixState;
  /** The last row of the page before. */
  after?: { nodeName: string; source: string; prefix: string };
  limit: number;
}

/** By node, source and text of the prefix. */
export async function listPrefixes(db: NodeDb, filter: PrefixFilter): Promise<PrefixRow[]> {
  let query = db.selectFrom('node_prefix').selectAll();
  if (filter.nodeName !== undefined) query = query.where('node_name', '=', filter.nodeName);
  if (filter.source !== undefined) query = query.where('source', '=', filter.source);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  const { after } = filter;
  if (after) {
    query = query.where((eb) =>
      eb.or([
        eb('node_name', '>', after.nodeName),
        eb.and([eb('node_name', '=', after.nodeName), eb('source', '>', after.source as PrefixSource)]),
        eb.and([
          eb('node_name', '=', after.nodeName),
          eb('source', '=', after.source as PrefixSource),
          eb('prefix', '>', after.prefix),
        ]),
      ]),
    );
  }
  const rows = await query.orderBy('node_name').orderBy('source').orderBy('prefix').limit(filter.limit).execute();
  return rows.map(toPrefixRow);
}

export interface StoredDecision extends Decision, Space {
  prefix: string;
  atMs: number;
}

/** By prefix, '*' = the whole space. */
export async function readDecisions(db: NodeDb, nodeName: string): Promise<Map<string, StoredDecision>> {
  const rows = await db.selectFrom('prefix_decision').selectAll().where('node_name', '=', nodeName).execute();
  return new Map(
    rows.map((row) => [
      row.prefix,
      {
        ...{ prefix: row.prefix, decision: row.decision, text: row.text, by: row.decided_by, atMs: row.at_ms },
        ...{ ipv4Addresses: row.ipv4_addresses, ipv6Addresses: row.ipv6_addresses },
      },
    ]),
  );
}

/** `undefined` takes the decision back. */
export async function writeDecision(
  db: NodeDb,
  nodeName: string,
  prefix: string,
  decision: Omit<StoredDecision, 'prefix'> | undefined,
): Promise<void> {
  if (!decision) {
    await db.deleteFrom('prefix_decision').where('node_name', '=', nodeName).where('prefix', '=', prefix).execute();
    return;
  }
  const fields = {
    ...{ decision: decision.decision, text: decision.text, decided_by: decision.by, at_ms: decision.atMs },
    ...{ ipv4_addresses: decision.ipv4Addresses, ipv6_addresses: decision.ipv6Addresses },
  };
  await db
    .insertInto('prefix_decision')
    .values({ node_name: nodeName, prefix, ...fields })
    .onConflict((oc) => oc.columns(['node_name', 'prefix']).doUpdateSet(fields))
    .execute();
}

function toPrefixRow(row: {
  node_name: string;
  source: PrefixSource;
  prefix: string;
  since_ms: number;
  state: PrefixState;
  code: string;
  feedback: string;
  origin_asn: number | null;
}): PrefixRow {
  return {
    ...{ nodeName: row.node_name, source: row.source, prefix: row.prefix, sinceMs: row.since_ms },
    ...{ state: row.state, code: row.code, feedback: row.feedback, originAsn: row.origin_asn },
  };
}

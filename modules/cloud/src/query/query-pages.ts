// Runs a query page by page. Plain pages go on behind the last identity; ordered and grouped ones behind the last rank, so that a page
// needs no memory of the one before and holds no more than its own rows.

import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '@wayside/protocol';
import { deviceJobDocuments } from '../jobs/device-job-source.ts';
import type { Db } from '../store/tables.ts';
import { selectFrom, valueAt } from './evaluate-query.ts';
import { GroupRows } from './group-rows.ts';
import { type Rank, type RankToken, readToken, writeToken } from './page-token.ts';
import { type QueryDocument, type Show, twinDocuments } from './query-source.ts';
import type { Query } from './query-tree.ts';
import { compareValues } from './value-order.ts';

/** A token of ten such texts and an id stays under the 16 KiB of headers that HTTP clients and servers take. */
const RANK_TEXT_CHARS_MAX = 128;
const RANK_ID_CHARS_MAX = 512;

export interface QueryPage {
  rows: JsonObject[];
  /** Token of the next page; undefined at the end. */
  continuation?: string;
}

/** Documents behind a place. */
type Documents = (place: readonly string[]) => AsyncIterable<QueryDocument>;

interface Ranked {
  rank: Rank;
  row: JsonObject;
}

/** One page of at most `rowsMax` rows over documents as the caller sees them (`show`). Throws CLOUD_ARGUMENT_INVALID for a continuation that is none of this query's kind. */
export async function readQueryPage(
  db: Db,
  query: Query,
  rowsMax: number,
  continuation: string | undefined,
  show?: Show,
): Promise<QueryPage> {
  const documents = (place: readonly string[]) => documentsOf(db, query, place, show);
  if (query.select.kind === 'aggregates' || query.orderBy) return rankedPage(query, rowsMax, continuation, documents);
  return plainPage(query, rowsMax, continuation, documents);
}

async function plainPage(
  query: Query,
  rowsMax: number,
  continuation: string | undefined,
  documents: Documents,
): Promise<QueryPage> {
  const token = readToken('place', continuation);
  let place = token?.place ?? [];
  const before = token?.given ?? 0;
  const wanted = wantedRows(query, rowsMax, before);
  const rows: JsonObject[] = [];
  if (wanted === 0) return { rows };
  // One row more than wanted tells whether there is a next page.
  for await (const { document, place: next } of documents(place)) {
    if (rows.length >= wanted) {
      const given = before + rows.length;
      return isAtTop(query, given) ? { rows } : { rows, continuation: writeToken({ kind: 'place', place, given }) };
    }
    rows.push(selectFrom(query.select, document));
    place = next;
  }
  return { rows };
}

async function rankedPage(
  query: Query,
  rowsMax: number,
  continuation: string | undefined,
  documentsBehind: Documents,
): Promise<QueryPage> {
  const token = readToken('rank', continuation);
  const before = token?.given ?? 0;
  const wanted = wantedRows(query, rowsMax, before);
  if (wanted === 0) return { rows: [] };
  const isDescending = (query.orderBy ?? []).map((item) => item.descending);
  const best = new FirstRows(wanted + 1, isDescending, token?.rank);
  for await (const ranked of rankedRows(query, documentsBehind([]))) best.offer(ranked);
  const rows = best.rows.slice(0, wanted).map(({ row }) => row);
  const last = best.rows[wanted - 1];
  const given = before + rows.length;
  if (best.rows.length <= wanted || !last || isAtTop(query, given)) return { rows };
  return { rows, continuation: writeToken({ kind: 'rank', rank: last.rank, given } satisfies RankToken) };
}

async function* rankedRows(query: Query, documents: AsyncIterable<QueryDocument>): AsyncGenerator<Ranked> {
  const valuesOf = (row: JsonObject) => (query.orderBy ?? []).map(({ path }) => rankValue(valueAt(path, row)));
  if (query.select.kind !== 'aggregates') {
    for await (const { document, place } of documents) {
      const rank = { values: valuesOf(document), id: JSON.stringify(place) };
      yield { rank, row: selectFrom(query.select, document) };
    }
    return;
  }
  const groups = new GroupRows(query.select.items, query.groupBy);
  for await (const { document } of documents) groups.add(document);
  for (const { key, row } of groups.rows()) yield { rank: { values: valuesOf(row), id: rankId(key) }, row };
}

// A rank travels in a header: texts are compared by their beginning, lists and objects are all alike, long keys become a digest.
function rankValue(value: Json | undefined): Json | undefined {
  if (typeof value === 'string') return value.slice(0, RANK_TEXT_CHARS_MAX);
  return typeof value === 'object' && value !== null ? {} : value;
}

function rankId(key: string): string {
  return key.length <= RANK_ID_CHARS_MAX ? key : createHash('sha256').update(key).digest('hex');
}

function documentsOf(
  db: Db,
  query: Query,
  place: readonly string[],
  show: Show | undefined,
): AsyncGenerator<QueryDocument> {
  if (query.from === 'jobs') return deviceJobDocuments(db, query.where, place, show);
  return twinDocuments(db, query.from, query.where, place, show);
}

/** The first `rowsMax` rows by rank behind `after`, kept in order. */
class FirstRows {
  readonly rows: Ranked[] = [];
  private readonly rowsMax: number;
  private readonly isDescending: readonly boolean[];
  private readonly after: Rank | undefined;

  constructor(rowsMax: number, isDescending: readonly boolean[], after: Rank | undefined) {
    this.rowsMax = rowsMax;
    this.isDescending = isDescending;
    this.after = after;
  }

  offer(ranked: Ranked): void {
    if (this.after && this.compare(ranked.rank, this.after) <= 0) return;
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(this.rows[middle]!.rank, ranked.rank) < 0) low = middle + 1;
      else high = middle;
    }
    if (low >= this.rowsMax) return;
    this.rows.splice(low, 0, ranked);
    if (this.rows.length > this.rowsMax) this.rows.pop();
  }

  private compare(a: Rank, b: Rank): number {
    for (const [index, descending] of this.isDescending.entries()) {
      const order = compareValues(a.values[index] as Json | undefined, b.values[index] as Json | undefined);
      if (order !== 0) return descending ? -order : order;
    }
    return compareValues(a.id, b.id);
  }
}

function wantedRows(query: Query, rowsMax: number, given: number): number {
  return Math.max(0, Math.min(rowsMax, (query.top ?? Number.POSITIVE_INFINITY) - given));
}

function isAtTop(query: Query, given: number): boolean {
  return query.top !== undefined && given >= query.top;
}

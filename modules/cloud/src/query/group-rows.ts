// GROUP BY and aggregates: documents in, one row a group out. Memory grows with the groups, not with the documents.

import type { Json, JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { valueAt } from './evaluate-query.ts';
import type { AggregateItem, Path } from './query-tree.ts';
import { compareValues } from './value-order.ts';

/** Groups of one query: each costs some hundred bytes while the query runs. */
const GROUPS_MAX = 10_000;

/** What is kept of one aggregate: `count` of the values that counted. */
interface Tally {
  count: number;
  sum: number;
  least: Json | undefined;
  greatest: Json | undefined;
}

interface Group {
  /** The first document's values of the path items. */
  shown: (Json | undefined)[];
  tallies: Tally[];
}

export class GroupRows {
  private readonly items: readonly AggregateItem[];
  private readonly paths: readonly Path[];
  private readonly groups = new Map<string, Group>();

  constructor(items: readonly AggregateItem[], groupBy: readonly Path[] | undefined) {
    this.items = items;
    this.paths = groupBy ?? [];
    // Without GROUP BY there is one row, also over no documents.
    if (!groupBy) this.groups.set('[]', this.newGroup({}));
  }

  /** Throws CLOUD_QUERY_INVALID when there are too many groups. */
  add(document: JsonObject): void {
    // What is undefined has no JSON: [] stands for it, which no JSON value written into a list of one is.
    const key = JSON.stringify(this.paths.map((path) => definedList(valueAt(path, document))));
    let group = this.groups.get(key);
    if (!group) {
      if (this.groups.size >= GROUPS_MAX) {
        throw refusal('CLOUD_QUERY_INVALID', `Cannot group by these paths: there are more than ${GROUPS_MAX} groups`);
      }
      group = this.newGroup(document);
      this.groups.set(key, group);
    }
    for (const [index, item] of this.items.entries()) {
      if (item.kind === 'aggregate') tally(group.tallies[index]!, item.path ? valueAt(item.path, document) : true);
    }
  }

  /** The rows with a key each that does not change from page to page. */
  *rows(): Generator<{ key: string; row: JsonObject }> {
    for (const [key, group] of this.groups) {
      const row: [string, Json][] = [];
      for (const [index, item] of this.items.entries()) {
        const value = item.kind === 'path' ? group.shown[index] : result(item.name, group.tallies[index]!);
        if (value !== undefined) row.push([item.alias, value]);
      }
      yield { key, row: Object.fromEntries(row) as JsonObject };
    }
  }

  private newGroup(document: JsonObject): Group {
    return {
      shown: this.items.map((item) => (item.kind === 'path' ? valueAt(item.path, document) : undefined)),
      tallies: this.items.map(() => ({ count: 0, sum: 0, least: undefined, greatest: undefined })),
    };
  }
}

function definedList(value: Json | undefined): Json[] {
  return value === undefined ? [] : [value];
}

function tally(of: Tally, value: Json | undefined): void {
  if (value === undefined) return;
  of.count += 1;
  if (typeof value === 'number') of.sum += value;
  if (value === null || typeof value === 'object') return;
  if (of.least === undefined || compareValues(value, of.least) < 0) of.least = value;
  if (of.greatest === undefined || compareValues(value, of.greatest) > 0) of.greatest = value;
}

function result(name: (AggregateItem & { kind: 'aggregate' })['name'], of: Tally): Json | undefined {
  switch (name) {
    case 'COUNT':
      return of.count;
    case 'SUM':
      return of.sum;
    case 'AVG':
      return of.count === 0 ? undefined : of.sum / of.count;
    case 'MIN':
      return of.least;
    case 'MAX':
      return of.greatest;
  }
}

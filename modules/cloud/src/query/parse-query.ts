// Query text -> syntax tree (cloud.md 2.7): SELECT [TOP n] .. FROM .. [WHERE ..] [GROUP BY ..] [ORDER BY ..]. Conditions on their own, as
// jobs and configurations have them, are read by the same parser.

import { parseExpression } from './parse-expression.ts';
import type {
  AggregateItem,
  AggregateName,
  ConditionQuery,
  OrderItem,
  Path,
  Query,
  Selection,
  Source,
} from './query-tree.ts';
import { TokenReader } from './token-reader.ts';

export type * from './query-tree.ts';

const SELECT_ITEMS_MAX = 50;
const GROUP_PATHS_MAX = 10;
const ORDER_PATHS_MAX = 10;
const SOURCES: { readonly [path: string]: Source } = {
  devices: 'devices',
  'devices.modules': 'modules',
  'devices.jobs': 'jobs',
};
const AGGREGATES: readonly string[] = ['COUNT', 'SUM', 'AVG', 'MIN', 'MAX'] satisfies AggregateName[];

/** Throws CLOUD_QUERY_INVALID with the position. */
export function parseQuery(text: string): Query {
  const reader = new TokenReader(text);
  reader.expectWord('SELECT');
  const top = reader.takeWord('TOP') ? reader.wholeNumber() : undefined;
  const items = selectItems(reader);
  reader.expectWord('FROM');
  const from = source(reader);
  const where = reader.takeWord('WHERE') ? parseExpression(reader) : undefined;
  const groupBy = groupPaths(reader);
  const select = selection(reader, items, groupBy);
  const orderBy = orderItems(reader, select);
  reader.expectEnd();
  if (from === 'jobs' && select.kind !== 'all') throw reader.fault('FROM devices.jobs goes with SELECT * only');
  return {
    ...{ select, from },
    ...(top === undefined ? {} : { top }),
    ...(where ? { where } : {}),
    ...(groupBy ? { groupBy } : {}),
    ...(orderBy ? { orderBy } : {}),
  };
}

/**
 * A condition without SELECT: `*` (all devices), a condition on devices, or `FROM devices[.modules] [WHERE ..]`, the form that asks for
 * module twins. Throws CLOUD_QUERY_INVALID, for an empty text too.
 */
export function parseCondition(text: string): ConditionQuery {
  const reader = new TokenReader(text);
  if (reader.takeSymbol('*')) {
    reader.expectEnd();
    return { from: 'devices' };
  }
  const from = reader.takeWord('FROM') ? source(reader) : undefined;
  if (from === 'jobs') throw reader.fault('a condition is asked of devices or devices.modules');
  const where = from === undefined || reader.takeWord('WHERE') ? parseExpression(reader) : undefined;
  reader.expectEnd();
  return { from: from ?? 'devices', ...(where ? { where } : {}) };
}

function selectItems(reader: TokenReader): AggregateItem[] | undefined {
  if (reader.takeSymbol('*')) return undefined;
  const items: AggregateItem[] = [];
  let unnamed = 0;
  do {
    const name = reader.functionName();
    if (name === undefined) {
      const path = reader.path();
      items.push({ kind: 'path', path, alias: alias(reader) ?? path.at(-1) ?? '' });
    } else {
      const item = aggregate(reader, name);
      // Without a name the answers number them (cloud.md 2.7).
      items.push({ ...item, alias: alias(reader) ?? `$${++unnamed}` });
    }
    if (items.length > SELECT_ITEMS_MAX) throw reader.fault(`more than ${SELECT_ITEMS_MAX} items`);
  } while (reader.takeSymbol(','));
  return items;
}

function aggregate(reader: TokenReader, name: string): { kind: 'aggregate'; name: AggregateName; path?: Path } {
  if (!AGGREGATES.includes(name)) throw reader.fault(`function ${name} is not served in SELECT`);
  reader.skip(2);
  const ofAll = reader.takeSymbol('*') || reader.isSymbol(')');
  if (ofAll && name !== 'COUNT') throw reader.fault(`${name} wants a path`);
  const path = ofAll ? undefined : reader.path();
  reader.expectSymbol(')');
  return { kind: 'aggregate', name: name as AggregateName, ...(path ? { path } : {}) };
}

function alias(reader: TokenReader): string | undefined {
  return reader.takeWord('AS') ? reader.word() : undefined;
}

function source(reader: TokenReader): Source {
  const path = reader.path().join('.').toLowerCase();
  const known = Object.hasOwn(SOURCES, path) ? SOURCES[path] : undefined;
  if (known) return known;
  throw reader.fault(`FROM ${path} is not served, wanted ${Object.keys(SOURCES).join(', ')}`);
}

function groupPaths(reader: TokenReader): Path[] | undefined {
  if (!reader.takeWord('GROUP')) return undefined;
  reader.expectWord('BY');
  return list(reader, GROUP_PATHS_MAX, () => reader.path());
}

function selection(reader: TokenReader, items: AggregateItem[] | undefined, groupBy: Path[] | undefined): Selection {
  if (!items) {
    if (groupBy) throw reader.fault('GROUP BY wants named items, not *');
    return { kind: 'all' };
  }
  const hasAggregates = items.some((item) => item.kind === 'aggregate');
  if (!groupBy && !hasAggregates) return { kind: 'paths', items: items.filter((item) => item.kind === 'path') };
  const groups = new Set((groupBy ?? []).map((path) => JSON.stringify(path)));
  const stray = items.find((item) => item.kind === 'path' && !groups.has(JSON.stringify(item.path)));
  if (stray) throw reader.fault(`${stray.path?.join('.')} beside aggregates needs GROUP BY of the same path`);
  return { kind: 'aggregates', items };
}

function orderItems(reader: TokenReader, select: Selection): OrderItem[] | undefined {
  if (!reader.takeWord('ORDER')) return undefined;
  reader.expectWord('BY');
  const items = list(reader, ORDER_PATHS_MAX, () => {
    const path = reader.path();
    const descending = reader.takeWord('DESC');
    if (!descending) reader.takeWord('ASC');
    return { path, descending };
  });
  if (select.kind !== 'aggregates') return items;
  // Groups are ordered by what their rows show: by alias, or by the path that an item shows.
  return items.map(({ path, descending }) => {
    const shown = select.items.find(
      (item) =>
        (path.length === 1 && item.alias === path[0]) ||
        (item.kind === 'path' && JSON.stringify(item.path) === JSON.stringify(path)),
    );
    if (!shown) throw reader.fault(`ORDER BY ${path.join('.')} wants an item of SELECT`);
    return { path: [shown.alias], descending };
  });
}

function list<T>(reader: TokenReader, itemsMax: number, item: () => T): T[] {
  const items: T[] = [];
  do {
    items.push(item());
    if (items.length > itemsMax) throw reader.fault(`more than ${itemsMax} items`);
  } while (reader.takeSymbol(','));
  return items;
}

// What has to be said so that a receiver who holds one table holds the other afterwards: one walk over both, both being sorted.

import { comparePrefixes, emptyTable, type RouteTable } from './route-table.ts';

export interface RouteDifference {
  before: RouteTable;
  after: RouteTable;
  /** Rows of `before` that are gone. */
  withdrawn: Uint32Array;
  /** Rows of `after` that are new or have other attributes, those with equal attributes together. */
  added: Uint32Array;
  /** For each of `added` the row of `before` with the same prefix, or -1. */
  replaced: Int32Array;
}

export function isNoDifference({ withdrawn, added }: RouteDifference): boolean {
  return withdrawn.length === 0 && added.length === 0;
}

/** Tables of different families have nothing in common. */
export function differenceOf(before: RouteTable, after: RouteTable): RouteDifference {
  if (before.family !== after.family && before.size > 0 && after.size > 0) {
    const gone = differenceOf(before, emptyTable(before.family));
    const come = differenceOf(emptyTable(after.family), after);
    return { ...come, before, after, withdrawn: gone.withdrawn };
  }
  const withdrawn = new Uint32Array(before.size);
  const added = new Uint32Array(after.size);
  const replaced = new Int32Array(after.size);
  let withdrawnCount = 0;
  let addedCount = 0;
  const idsAfter = translateAttributes(before, after);
  let i = 0;
  let j = 0;
  while (i < before.size || j < after.size) {
    const order = i === before.size ? 1 : j === after.size ? -1 : comparePrefixes(before, i, after, j);
    if (order < 0) {
      withdrawn[withdrawnCount++] = i++;
    } else if (order > 0) {
      replaced[addedCount] = -1;
      added[addedCount++] = j++;
    } else {
      if (idsAfter[before.attributeIds[i] as number] !== after.attributeIds[j]) {
        replaced[addedCount] = i;
        added[addedCount++] = j;
      }
      i += 1;
      j += 1;
    }
  }
  return {
    before,
    after,
    withdrawn: withdrawn.slice(0, withdrawnCount),
    ...groupByAttributes(after, added.subarray(0, addedCount), replaced.subarray(0, addedCount)),
  };
}

/** Id in `after` of the attributes with each id of `before`; -1 = not there. */
function translateAttributes(before: RouteTable, after: RouteTable): Int32Array {
  const key = (id: number, table: RouteTable) => `${table.attributes[id]?.asPath}|${table.attributes[id]?.med}`;
  const ids = new Map<string, number>();
  for (let id = 0; id < after.attributes.length; id += 1) ids.set(key(id, after), id);
  return Int32Array.from(before.attributes, (_, id) => ids.get(key(id, before)) ?? -1);
}

/** Counting sort by the id of the attributes: groups become long, so messages become short. */
function groupByAttributes(
  after: RouteTable,
  added: Uint32Array,
  replaced: Int32Array,
): Pick<RouteDifference, 'added' | 'replaced'> {
  const starts = new Uint32Array(after.attributes.length + 1);
  for (const row of added) {
    const id = (after.attributeIds[row] as number) + 1;
    starts[id] = (starts[id] as number) + 1;
  }
  for (let id = 1; id < starts.length; id += 1) starts[id] = (starts[id] as number) + (starts[id - 1] as number);
  const sortedAdded = new Uint32Array(added.length);
  const sortedReplaced = new Int32Array(added.length);
  for (let i = 0; i < added.length; i += 1) {
    const row = added[i] as number;
    const id = after.attributeIds[row] as number;
    const at = starts[id] as number;
    starts[id] = at + 1;
    sortedAdded[at] = row;
    sortedReplaced[at] = replaced[i] as number;
  }
  return { added: sortedAdded, replaced: sortedReplaced };
}

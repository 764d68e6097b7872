// One order over all JSON values, for ORDER BY, MIN and MAX: undefined, null, false, true, numbers, texts, then lists and objects, which are equal.

import type { Json } from '@wayside/protocol';

/** Negative, zero, positive as for Array.sort. */
export function compareValues(a: Json | undefined, b: Json | undefined): number {
  const [rankA, rankB] = [rankOf(a), rankOf(b)];
  if (rankA !== rankB) return rankA - rankB;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return Number(a === true) - Number(b === true);
}

function rankOf(value: Json | undefined): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  switch (typeof value) {
    case 'boolean':
      return 2;
    case 'number':
      return 3;
    case 'string':
      return 4;
    default:
      return 5;
  }
}

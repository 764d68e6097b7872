// The routes of one session at one moment: columns of numbers sorted by prefix, attributes kept once. Immutable; 9 bytes an IPv4 route, 21 an IPv6 one.

import { type Family, formatPrefix } from './prefix.ts';

export interface RouteAttributes {
  /** As BIRD prints it; ''. */
  asPath: string;
  med: number | null;
}

export interface RouteTable {
  readonly family: Family;
  readonly size: number;
  /** 1 or 4 columns, most significant first. Sorted by words, then by length; no prefix twice. */
  readonly words: readonly Uint32Array[];
  readonly lengths: Uint8Array;
  /** Index into attributes. */
  readonly attributeIds: Uint32Array;
  readonly attributes: readonly RouteAttributes[];
}

export function wordsOf(family: Family): 1 | 4 {
  return family === 4 ? 1 : 4;
}

export function emptyTable(family: Family): RouteTable {
  return {
    family,
    size: 0,
    words: Array.from({ length: wordsOf(family) }, () => new Uint32Array(0)),
    lengths: new Uint8Array(0),
    attributeIds: new Uint32Array(0),
    attributes: [],
  };
}

export function prefixAt(table: RouteTable, index: number): string {
  const { family, words, lengths } = table;
  return formatPrefix(
    family,
    words.map((column) => column[index] as number),
    lengths[index] as number,
  );
}

export function attributesAt(table: RouteTable, index: number): RouteAttributes {
  return table.attributes[table.attributeIds[index] as number] as RouteAttributes;
}

/** Order of two rows by prefix: < 0, 0, > 0. */
export function comparePrefixes(a: RouteTable, i: number, b: RouteTable, j: number): number {
  for (const [column, words] of a.words.entries()) {
    const one = words[i] as number;
    const other = (b.words[column] as Uint32Array)[j] as number;
    if (one !== other) return one < other ? -1 : 1;
  }
  return (a.lengths[i] as number) - (b.lengths[j] as number);
}

/** First row that is not before this prefix. */
export function lowerBound(table: RouteTable, words: readonly number[], length: number): number {
  let low = 0;
  let high = table.size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(table, middle, words, length)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(table: RouteTable, index: number, words: readonly number[], length: number): boolean {
  for (const [column, values] of table.words.entries()) {
    const value = values[index] as number;
    const wanted = words[column] as number;
    if (value !== wanted) return value < wanted;
  }
  return (table.lengths[index] as number) < length;
}

// Tables of random routes from a seed, and the plain maps they stand for.

import { formatPrefix, maskWord } from '../src/routes/prefix.ts';
import { attributesAt, prefixAt, type RouteTable } from '../src/routes/route-table.ts';
import { RouteTableBuilder } from '../src/routes/route-table-builder.ts';

export type PlainTable = Map<string, string>;

/** mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Few bits vary, so that tables of the same family share prefixes. */
export function randomRoute(
  family: 4 | 6,
  random: () => number,
): { prefix: string; asPath: string; med: number | null } {
  const count = family === 4 ? 1 : 4;
  const length = Math.floor(random() * (family === 4 ? 33 : 129));
  const words = Array.from({ length: count }, (_, index) => {
    const word = (Math.floor(random() * 8) << 29) | Math.floor(random() * 4);
    return (word & maskWord(length, index)) >>> 0;
  });
  const asPath = Array.from({ length: Math.floor(random() * 3) }, () => 64_500 + Math.floor(random() * 3)).join(' ');
  return { prefix: formatPrefix(family, words, length), asPath, med: random() < 0.5 ? null : Math.floor(random() * 3) };
}

export function randomTable(
  family: 4 | 6,
  size: number,
  random: () => number,
): { table: RouteTable; plain: PlainTable } {
  const builder = new RouteTableBuilder(family);
  const plain: PlainTable = new Map();
  for (let i = 0; i < size; i += 1) {
    const { prefix, asPath, med } = randomRoute(family, random);
    builder.add(prefix, asPath, med);
    plain.set(prefix, `${asPath}|${med}`);
  }
  return { table: builder.build(), plain };
}

export function toPlain(table: RouteTable): PlainTable {
  const plain: PlainTable = new Map();
  for (let row = 0; row < table.size; row += 1) {
    const { asPath, med } = attributesAt(table, row);
    plain.set(prefixAt(table, row), `${asPath}|${med}`);
  }
  return plain;
}

import { describe, expect, test } from '@jest/globals';
import { randomFrom, randomTable, toPlain } from '../../test/random-table.ts';
import { differenceOf, isNoDifference } from './route-difference.ts';
import { decodeTable, encodeTable } from './route-file.ts';
import { attributesAt, comparePrefixes, emptyTable, prefixAt, type RouteTable } from './route-table.ts';
import { RouteTableBuilder } from './route-table-builder.ts';

const SEEDS = Array.from({ length: 24 }, (_, seed) => seed + 1);

describe('RouteTableBuilder', () => {
  test.each(SEEDS)('seed %i: sorted, without repetitions, the later route counts', (seed) => {
    const random = randomFrom(seed);
    const { table, plain } = randomTable(seed % 2 === 0 ? 4 : 6, Math.floor(random() * 300), random);
    expect(toPlain(table)).toEqual(plain);
    const rows = Array.from({ length: Math.max(0, table.size - 1) }, (_, row) => row);
    expect(rows.filter((row) => comparePrefixes(table, row, table, row + 1) >= 0)).toEqual([]);
  });

  test('more rows than at first, and attributes once', () => {
    const builder = new RouteTableBuilder(4);
    for (let i = 0; i < 5000; i += 1) builder.add(`20.${i >> 8}.${i & 255}.0/24`, `64500 ${i % 7}`, null);
    const table = builder.build();
    expect(table.size).toBe(5000);
    expect(table.attributes).toHaveLength(7);
  });

  test.each([
    [4, '2001:db8::/32'],
    [6, '20.1.0.0/16'],
    [4, '20.1.0.0/33'],
    [4, '20.1.0.300/8'],
    [4, 'x/8'],
  ] as const)('refuses for IPv%i the text %s', (family, text) => {
    expect(() => new RouteTableBuilder(family).add(text, '', null)).toThrow(
      expect.objectContaining({ code: 'BGP_REPLY_INVALID' }),
    );
  });
});

/** What a receiver does with a difference. */
function applied(before: RouteTable, after: RouteTable): Map<string, string> {
  const { withdrawn, added, replaced } = differenceOf(before, after);
  const plain = toPlain(before);
  const wrong: string[] = [];
  for (const row of withdrawn) if (!plain.delete(prefixAt(before, row))) wrong.push(`withdrawn ${row}`);
  for (const [index, row] of added.entries()) {
    const prefix = prefixAt(after, row);
    const old = replaced[index] as number;
    if (plain.has(prefix) !== old >= 0 || (old >= 0 && prefixAt(before, old) !== prefix)) wrong.push(`replaced ${row}`);
    const { asPath, med } = attributesAt(after, row);
    if (plain.get(prefix) === `${asPath}|${med}`) wrong.push(`same ${row}`);
    plain.set(prefix, `${asPath}|${med}`);
  }
  expect(wrong).toEqual([]);
  return plain;
}

describe('differenceOf()', () => {
  test.each(SEEDS)('seed %i: leads from one table to the other and names nothing that stays', (seed) => {
    const random = randomFrom(seed);
    const family = seed % 2 === 0 ? 4 : 6;
    const { table: before } = randomTable(family, Math.floor(random() * 200), random);
    const { table: after, plain } = randomTable(family, Math.floor(random() * 200), random);
    expect(applied(before, after)).toEqual(plain);
    expect(isNoDifference(differenceOf(after, after))).toBe(true);
  });

  test('a session that changes its family loses all and gets all', () => {
    const random = randomFrom(7);
    const { table: before } = randomTable(4, 50, random);
    const { table: after, plain } = randomTable(6, 50, random);
    expect(applied(before, after)).toEqual(plain);
  });

  test('rows with equal attributes stand together', () => {
    const builder = new RouteTableBuilder(4);
    for (let i = 0; i < 100; i += 1) builder.add(`20.${i}.0.0/16`, `64500 ${i % 3}`, null);
    const table = builder.build();
    const ids = [...differenceOf(emptyTable(4), table).added].map((row) => table.attributeIds[row] as number);
    expect(ids.filter((id, index) => index > 0 && id !== ids[index - 1])).toHaveLength(2);
  });
});

describe('encodeTable() and decodeTable()', () => {
  test.each([4, 6] as const)('IPv%i: what is written is read', (family) => {
    const { table, plain } = randomTable(family, 300, randomFrom(family));
    expect(toPlain(decodeTable(encodeTable(table), 'x'))).toEqual(plain);
    expect(decodeTable(encodeTable(emptyTable(family)), 'x').size).toBe(0);
  });

  test('a file that is cut or bent at any place is refused', () => {
    const bytes = encodeTable(randomTable(4, 20, randomFrom(1)).table);
    const codes = new Set<string | undefined>();
    for (let at = 0; at < bytes.length; at += 1) {
      const bent = Buffer.from(bytes);
      bent[at] = (bent[at] as number) ^ 0x10;
      for (const wrong of [bent, bytes.subarray(0, at)]) codes.add(codeOf(() => decodeTable(wrong, 'r1.routes')));
    }
    expect([...codes]).toEqual(['BGP_STATE_FILE_INVALID']);
  });
});

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

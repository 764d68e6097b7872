import { describe, expect, test } from '@jest/globals';
import type { BgpPrefix } from '@wayside/protocol';
import { randomFrom, randomTable } from '../../test/random-table.ts';
import { contains, type Prefix, parsePrefix } from '../routes/prefix.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { RouteTableBuilder } from '../routes/route-table-builder.ts';
import { findPrefixes } from './explorer.ts';

function tableOf(family: 4 | 6, ...prefixes: string[]): RouteTable {
  const builder = new RouteTableBuilder(family);
  for (const prefix of prefixes) builder.add(prefix, '64500 64501', null);
  return builder.build();
}

const TABLES = new Map([
  ['r2', tableOf(4, '20.0.0.0/8', '20.1.0.0/16')],
  ['r1', tableOf(4, '20.1.0.0/16', '20.1.2.0/24', '20.1.3.0/24', '21.0.0.0/8')],
  ['r6', tableOf(6, '2a00::/16', '2a00:1::/32')],
]);

const found = (payload: object) =>
  findPrefixes(TABLES, payload).prefixes.map(({ session, prefix }) => `${session} ${prefix}`);

function allPages(tables: ReadonlyMap<string, RouteTable>, payload: object): BgpPrefix[] {
  const all: BgpPrefix[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page = findPrefixes(tables, { ...payload, ...(after === undefined ? {} : { after }) });
    all.push(...page.prefixes);
    after = page.next;
  }
  return all;
}

describe('findPrefixes()', () => {
  test('everything, by session and prefix', () => {
    expect(found({})).toEqual([
      'r1 20.1.0.0/16',
      'r1 20.1.2.0/24',
      'r1 20.1.3.0/24',
      'r1 21.0.0.0/8',
      'r2 20.0.0.0/8',
      'r2 20.1.0.0/16',
      'r6 2a00::/16',
      'r6 2a00:1::/32',
    ]);
    expect(findPrefixes(TABLES, null)).toMatchObject({ next: null, total: 8 });
  });

  test('what contains an address or block, the longest first', () => {
    expect(found({ contains: '20.1.2.77' })).toEqual([
      'r1 20.1.2.0/24',
      'r1 20.1.0.0/16',
      'r2 20.1.0.0/16',
      'r2 20.0.0.0/8',
    ]);
    expect(found({ contains: '20.1.0.0/17', session: 'r1' })).toEqual(['r1 20.1.0.0/16']);
    expect(found({ contains: '2a00:1::5' })).toEqual(['r6 2a00:1::/32', 'r6 2a00::/16']);
    expect(found({ contains: '8.8.8.8' })).toEqual([]);
  });

  test('what lies within a block', () => {
    expect(found({ coveredBy: '20.1.0.0/16' })).toEqual([
      'r1 20.1.0.0/16',
      'r1 20.1.2.0/24',
      'r1 20.1.3.0/24',
      'r2 20.1.0.0/16',
    ]);
    expect(found({ coveredBy: '20.1.2.0/23' })).toEqual(['r1 20.1.2.0/24', 'r1 20.1.3.0/24']);
    expect(found({ coveredBy: '::/0' })).toEqual(['r6 2a00::/16', 'r6 2a00:1::/32']);
    expect(found({ contains: '20.1.2.1', coveredBy: '20.1.0.0/17' })).toEqual(['r1 20.1.2.0/24']);
  });

  test.each([1, 2, 3, 4, 5, 6])('seed %i: pages of any size hold the same as a walk over all', (seed) => {
    const random = randomFrom(seed);
    const tables = new Map([
      ['a', randomTable(4, 120, random).table],
      ['b', randomTable(6, 120, random).table],
      ['c', randomTable(4, 60, random).table],
    ]);
    const all = allPages(tables, { limit: 1000 });
    expect(allPages(tables, { limit: 1 + Math.floor(random() * 9) })).toEqual(all);
    const some = all[Math.floor(random() * all.length)] as BgpPrefix;
    const wanted = parsePrefix(some.prefix) as Prefix;
    const around = all.filter(({ prefix }) => {
      const other = parsePrefix(prefix) as Prefix;
      return other.family === wanted.family && other.length <= wanted.length && contains(other, wanted.words);
    });
    const inside = all.filter(({ prefix }) => {
      const other = parsePrefix(prefix) as Prefix;
      return other.family === wanted.family && other.length >= wanted.length && contains(wanted, other.words);
    });
    const sorted = (list: BgpPrefix[]) => list.map(({ session, prefix }) => `${session} ${prefix}`).sort();
    expect(sorted(allPages(tables, { contains: some.prefix, limit: 2 }))).toEqual(sorted(around));
    expect(sorted(allPages(tables, { coveredBy: some.prefix, limit: 3 }))).toEqual(sorted(inside));
  });

  test('a page ends before an answer gets too long for a direct method', () => {
    const builder = new RouteTableBuilder(4);
    const path = new Array(75).fill(4_200_000_000).join(' ');
    for (let i = 0; i < 1000; i += 1) builder.add(`20.${i >> 8}.${i & 255}.0/24`, path, null);
    const page = findPrefixes(new Map([['r1', builder.build()]]), { limit: 1000 });
    expect(JSON.stringify(page).length).toBeLessThan(128 * 1024);
    expect(page.next).not.toBeNull();
  });

  test.each([
    [{ limit: 0 }],
    [{ limit: 1001 }],
    [{ limit: '5' }],
    [{ contains: '20.1.0.1/16' }],
    [{ contains: 'x' }],
    [{ coveredBy: 7 }],
    [{ after: 'r1' }],
    [{ after: 'r1 x' }],
    [{ session: 1 }],
    [{ covers: '20.0.0.0/8' }],
    [[]],
    ['text'],
  ])('refuses %j', (payload) => {
    expect(() => findPrefixes(TABLES, payload)).toThrow(expect.objectContaining({ code: 'BGP_REQUEST_INVALID' }));
  });
});

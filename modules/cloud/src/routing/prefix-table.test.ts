import { describe, expect, test } from '@jest/globals';
import { parseIpAddress } from '../addresses/ip-address.ts';
import { type IpPrefix, maskWords, parseIpPrefix } from '../addresses/ip-prefix.ts';
import { PrefixTable } from './prefix-table.ts';

const SEEDS = 4;
const STEPS = 120;

/** mulberry32: a failing case is repeated by its seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const words = (text: string) => parseIpAddress(text)!.words;
function tableOf(...texts: string[]): PrefixTable {
  const prefixes = texts.map(parseIpPrefix);
  const table = new PrefixTable(prefixes[0]?.family === 6 ? 128 : 32);
  for (const [index, prefix] of prefixes.entries()) table.set(prefix.words, prefix.length, index + 1);
  return table;
}
const valueAt = (table: PrefixTable, address: string) => {
  const record = table.longest(words(address));
  return record === 0 ? 0 : table.valueOf(record);
};

/** What the table must answer, by looking at every prefix. */
class NaiveTable {
  readonly prefixes = new Map<string, IpPrefix & { value: number }>();
  set(prefix: IpPrefix, value: number) {
    this.prefixes.set(keyOf(prefix), { ...prefix, value });
  }
  delete(prefix: IpPrefix): boolean {
    return this.prefixes.delete(keyOf(prefix));
  }
  longest(address: readonly number[], below = 129): (IpPrefix & { value: number }) | undefined {
    let best: (IpPrefix & { value: number }) | undefined;
    for (const prefix of this.prefixes.values()) {
      const covers = keyOf({ ...prefix, words: maskWords(address, prefix.length) }) === keyOf(prefix);
      if (covers && prefix.length < below && prefix.length > (best?.length ?? -1)) best = prefix;
    }
    return best;
  }
  within(outer: IpPrefix): number[] {
    const inside = [...this.prefixes.values()].filter(
      (p) =>
        p.length > outer.length &&
        keyOf({ ...p, words: maskWords(p.words, outer.length), length: outer.length }) === keyOf(outer),
    );
    return inside.map((p) => p.value).sort((a, b) => a - b);
  }
}
const keyOf = (prefix: IpPrefix) => `${prefix.words.join('.')}/${prefix.length}`;

describe('longest()', () => {
  test.each([
    ['10.1.2.3', 3],
    ['10.1.3.0', 2],
    ['10.2.0.0', 1],
    ['11.0.0.0', 0],
    ['9.255.255.255', 0],
  ])('of nested prefixes takes the longest: %s', (address, value) => {
    expect(valueAt(tableOf('10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24'), address)).toBe(value);
  });

  test('does not depend on the order in which prefixes came', () => {
    const table = tableOf('10.1.2.3/32', '10.1.2.0/24', '10.1.2.0/25', '10.0.0.0/8', '0.0.0.0/0');
    const seen = ['10.1.2.3', '10.1.2.4', '10.1.2.128', '10.9.9.9', '200.1.1.1'].map((a) => valueAt(table, a));
    expect(seen).toEqual([1, 3, 2, 4, 5]);
  });

  test('of IPv6', () => {
    const table = tableOf('2001:db8::/32', '2001:db8:1::/48', '2001:db8:1:2::/64', '2001:db8::1/128', '2001::/19');
    const addresses = ['2001:db8::2', '2001:db8:1::', '2001:db8:1:2:ffff::', '2001:db8::1', '2001:1::', '3fff::'];
    expect(addresses.map((a) => valueAt(table, a))).toEqual([1, 2, 3, 4, 5, 0]);
  });
});

test('a removed prefix gives its addresses back to the next shorter one, and its blocks to the table', () => {
  const table = tableOf('10.0.0.0/8', '10.1.2.0/24', '10.1.2.3/32');
  const bytes = table.bytes;
  for (let i = 0; i < 10_000; i += 1) {
    const host = [(0x0b000000 + i * 65_537) >>> 0];
    table.set(host, 32, 9);
    expect(table.delete(host, 32)).toBe(true);
  }
  expect(table.bytes).toBe(bytes);
  table.delete(words('10.1.2.0'), 24);
  expect(valueAt(table, '10.1.2.3')).toBe(3);
  table.delete(words('10.1.2.3'), 32);
  expect(valueAt(table, '10.1.2.3')).toBe(1);
  expect(table.delete(words('10.1.2.3'), 32)).toBe(false);
  expect(table.size).toBe(1);
});

test.each([32, 128] as const)('over random changes %i-bit tables answer as looking at every prefix does', (bits) => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = randomOf(seed * 7919 + bits);
    const table = new PrefixTable(bits);
    const naive = new NaiveTable();
    const family = bits === 32 ? 4 : 6;
    // Few different words: prefixes must nest, cover each other and come again.
    const pool = Array.from({ length: 6 }, () => (random() & 0xff0f0000) >>> 0);
    const address = () =>
      Array.from({ length: bits / 32 }, () => (pool[random() % pool.length]! ^ (random() & random() & random())) >>> 0);
    const prefix = (): IpPrefix => {
      const length = random() % (bits + 1);
      return { family, length, words: maskWords(address(), length) };
    };
    for (let step = 0; step < STEPS; step += 1) {
      const known = [...naive.prefixes.values()];
      const isRemoval = random() % 3 === 0 && known.length > 0;
      const one = isRemoval ? known[random() % known.length]! : prefix();
      if (isRemoval) expect(table.delete(one.words, one.length)).toBe(naive.delete(one));
      else {
        const value = random() % 1000;
        table.set(one.words, one.length, value);
        naive.set(one, value);
      }
      for (const probe of [address(), one.words]) {
        const want = naive.longest(probe);
        const record = table.longest(probe);
        const got =
          record === 0
            ? undefined
            : { length: table.lengthOf(record), value: table.valueOf(record), words: table.wordsOf(record) };
        expect({ seed, step, got }).toEqual({
          ...{ seed, step },
          got: want && { length: want.length, value: want.value, words: want.words },
        });
        const below = random() % (bits + 2);
        const shorter = table.nextShorter(probe, below);
        expect(shorter === 0 ? undefined : table.lengthOf(shorter)).toBe(naive.longest(probe, below)?.length);
      }
      const outer = prefix();
      const inside = new Set<number>();
      table.someWithin(outer.words, outer.length, (record) => {
        inside.add(record);
        return false;
      });
      expect([...inside].map((record) => table.valueOf(record)).sort((a, b) => a - b)).toEqual(naive.within(outer));
      expect(table.size).toBe(naive.prefixes.size);
    }
  }
});

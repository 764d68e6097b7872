// Which nodes claim which prefix: both families, each prefix with its group of nodes. Groups are few and shared, however many prefixes there are.

import { type Family, formatIpAddress, type IpAddress } from '../addresses/ip-address.ts';
import type { IpPrefix } from '../addresses/ip-prefix.ts';
import { PrefixTable } from './prefix-table.ts';

/** What claims prefixes; the object itself stands in the groups, so what changes in it is seen by the next lookup. */
export interface Claimant {
  /** Its own for as long as it claims anything. */
  readonly number: number;
}

export interface ClaimMatch<N> {
  prefix: IpPrefix;
  nodes: readonly N[];
}

export class PrefixClaims<N extends Claimant> {
  readonly #tables: { readonly [family in Family]: PrefixTable } = { 4: new PrefixTable(32), 6: new PrefixTable(128) };
  /** Group 0 is nobody's: a prefix without nodes is removed. */
  readonly #groups: (readonly N[])[] = [[]];
  readonly #uses: number[] = [0];
  readonly #ids = new Map<string, number>();
  readonly #freeIds: number[] = [];

  get size(): number {
    return this.#tables[4].size + this.#tables[6].size;
  }

  get bytes(): number {
    return this.#tables[4].bytes + this.#tables[6].bytes;
  }

  /** Nothing changes when the node claims it already. */
  add(prefix: IpPrefix, node: N): void {
    const table = this.#tables[prefix.family];
    const record = table.find(prefix.words, prefix.length);
    const before = record === 0 ? 0 : table.valueOf(record);
    const group = this.#groups[before]!;
    if (group.includes(node)) return;
    table.set(prefix.words, prefix.length, this.#use([...group, node].sort((a, b) => a.number - b.number)));
    this.#leave(before);
  }

  remove(prefix: IpPrefix, node: N): void {
    const table = this.#tables[prefix.family];
    const record = table.find(prefix.words, prefix.length);
    if (record === 0) return;
    const before = table.valueOf(record);
    const group = this.#groups[before]!;
    if (!group.includes(node)) return;
    if (group.length === 1) table.delete(prefix.words, prefix.length);
    else table.set(prefix.words, prefix.length, this.#use(group.filter((other) => other !== node)));
    this.#leave(before);
  }

  /** Nodes of the longest prefix that holds the address; the empty group when there is none. Nothing is allocated. */
  longest(address: IpAddress): readonly N[] {
    const table = this.#tables[address.family];
    const record = table.longest(address.words);
    return record === 0 ? this.#groups[0]! : this.#groups[table.valueOf(record)]!;
  }

  /** Every prefix that holds the address, the longest first. */
  *matches(address: IpAddress): Generator<ClaimMatch<N>> {
    const table = this.#tables[address.family];
    let record = table.longest(address.words);
    while (record !== 0) {
      yield this.#match(address.family, record);
      record = table.nextShorter(address.words, table.lengthOf(record));
    }
  }

  /** Nodes that claim exactly this prefix. */
  at(prefix: IpPrefix): readonly N[] {
    const table = this.#tables[prefix.family];
    const record = table.find(prefix.words, prefix.length);
    return this.#groups[record === 0 ? 0 : table.valueOf(record)]!;
  }

  /** Every prefix the node claims; looks at the whole table. */
  claimsOf(node: N): IpPrefix[] {
    const found: IpPrefix[] = [];
    for (const family of [4, 6] as const) {
      for (const record of this.#tables[family].records()) {
        const match = this.#match(family, record);
        if (match.nodes.includes(node)) found.push(match.prefix);
      }
    }
    return found;
  }

  /** The first claim `wanted` says yes to among those that hold the prefix, equal it or lie in it. */
  findOverlap(prefix: IpPrefix, wanted: (match: ClaimMatch<N>) => boolean): ClaimMatch<N> | undefined {
    const table = this.#tables[prefix.family];
    const same = this.at(prefix);
    if (same.length > 0 && wanted({ prefix, nodes: same })) return { prefix, nodes: same };
    let found: ClaimMatch<N> | undefined;
    const visit = (record: number): boolean => {
      const match = this.#match(prefix.family, record);
      if (wanted(match)) found = match;
      return found !== undefined;
    };
    let length = prefix.length;
    for (;;) {
      const record = table.nextShorter(prefix.words, length);
      if (record === 0) break;
      if (visit(record)) return found;
      length = table.lengthOf(record);
    }
    table.someWithin(prefix.words, prefix.length, visit);
    return found;
  }

  #match(family: Family, record: number): ClaimMatch<N> {
    const table = this.#tables[family];
    const prefix = { family, words: table.wordsOf(record), length: table.lengthOf(record) };
    return { prefix, nodes: this.#groups[table.valueOf(record)]! };
  }

  #use(group: readonly N[]): number {
    const key = keyOf(group);
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#freeIds.pop() ?? this.#groups.length;
      this.#groups[id] = group;
      this.#uses[id] = 0;
      this.#ids.set(key, id);
    }
    this.#uses[id]! += 1;
    return id;
  }

  #leave(id: number): void {
    if (id === 0) return;
    this.#uses[id]! -= 1;
    if (this.#uses[id]! > 0) return;
    this.#ids.delete(keyOf(this.#groups[id]!));
    this.#groups[id] = [];
    this.#freeIds.push(id);
  }
}

function keyOf(group: readonly Claimant[]): string {
  return group.map((node) => node.number).join();
}

/** What clients of one site have in common: the /24, of IPv6 the /48 (connected-cache.md 4.4 rule 4). */
export function siteKeyOf(address: IpAddress): number {
  if (address.family === 4) return address.words[0]! >>> 8;
  return (Math.imul(address.words[0]!, 0x9e3779b1) ^ (address.words[1]! >>> 16)) >>> 0;
}

/** The site as text, for explanations. */
export function siteTextOf(address: IpAddress): string {
  if (address.family === 4)
    return `${formatIpAddress({ family: 4, words: [(address.words[0]! & 0xffffff00) >>> 0] })}/24`;
  const words = [address.words[0]!, (address.words[1]! & 0xffff0000) >>> 0, 0, 0];
  return `${formatIpAddress({ family: 6, words })}/48`;
}

// Builds a RouteTable from routes in any order: columns that double, attributes interned, one radix sort at the end.

import { EdgeError } from '@wayside/kit';
import { type Family, parsePrefix } from './prefix.ts';
import { type RouteAttributes, type RouteTable, wordsOf } from './route-table.ts';

/** More routes than any session may have: maxPrefixes ends at 2,000,000, and BIRD shuts the session there. */
const ROUTES_MAX = 4_000_000;
const ROWS_AT_FIRST = 1024;
const DIGIT_BITS = 16;
const BUCKETS = 1 << DIGIT_BITS;

export class RouteTableBuilder {
  readonly #family: Family;
  readonly #words: Uint32Array[];
  #lengths = new Uint8Array(ROWS_AT_FIRST);
  #attributeIds = new Uint32Array(ROWS_AT_FIRST);
  #size = 0;
  readonly #attributes: RouteAttributes[] = [];
  readonly #ids = new Map<string, number>();

  constructor(family: Family) {
    this.#family = family;
    this.#words = Array.from({ length: wordsOf(family) }, () => new Uint32Array(ROWS_AT_FIRST));
  }

  /** BGP_REPLY_INVALID for what is no prefix of the family. */
  add(prefix: string, asPath: string, med: number | null): void {
    const row = this.#size;
    if (row === this.#lengths.length) this.#grow();
    if (!(this.#family === 4 && this.#addIpv4(prefix, row))) this.#addParsed(prefix, row);
    this.#attributeIds[row] = this.#idOf(asPath, med);
    this.#size = row + 1;
  }

  /** The usual text without a split: a full table is a million of them. False when it is of another form. */
  #addIpv4(prefix: string, row: number): boolean {
    let word = 0;
    let value = 0;
    let dots = 0;
    for (let i = 0; i < prefix.length; i += 1) {
      const code = prefix.charCodeAt(i);
      if (code >= 0x30 && code <= 0x39) value = value * 10 + code - 0x30;
      else if ((code === 0x2e && dots < 3) || (code === 0x2f && dots === 3)) {
        if (value > 255) return false;
        word = word * 256 + value;
        value = 0;
        dots += 1;
      } else return false;
    }
    if (dots !== 4 || value > 32) return false;
    (this.#words[0] as Uint32Array)[row] = word;
    this.#lengths[row] = value;
    return true;
  }

  #addParsed(text: string, row: number): void {
    const prefix = parsePrefix(text);
    if (prefix === undefined || prefix.family !== this.#family) {
      throw new EdgeError(
        'BGP_REPLY_INVALID',
        `Cannot read the routes of BIRD: "${text.slice(0, 60)}", wanted a prefix of IPv${this.#family}`,
        { source: 'upstream' },
      );
    }
    for (const [column, word] of prefix.words.entries()) (this.#words[column] as Uint32Array)[row] = word;
    this.#lengths[row] = prefix.length;
  }

  #idOf(asPath: string, med: number | null): number {
    const key = med === null ? asPath : `${asPath}|${med}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#attributes.length;
    // A slice of the answer would keep its whole chunk in memory: the text is copied.
    const own = Buffer.from(asPath, 'latin1').toString('latin1');
    this.#attributes.push({ asPath: own, med });
    this.#ids.set(med === null ? own : `${own}|${med}`, id);
    return id;
  }

  #grow(): void {
    const rows = this.#lengths.length * 2;
    if (rows > ROUTES_MAX * 2) {
      throw new EdgeError('BGP_REPLY_INVALID', `Cannot read the routes of BIRD: over ${ROUTES_MAX}, wanted fewer`, {
        source: 'upstream',
      });
    }
    for (const [column, old] of this.#words.entries()) {
      const wider = new Uint32Array(rows);
      wider.set(old);
      this.#words[column] = wider;
    }
    const lengths = new Uint8Array(rows);
    lengths.set(this.#lengths);
    this.#lengths = lengths;
    const ids = new Uint32Array(rows);
    ids.set(this.#attributeIds);
    this.#attributeIds = ids;
  }

  /** Of a prefix that came twice the later one counts. */
  build(): RouteTable {
    const size = this.#size;
    let order = new Uint32Array(size);
    for (let i = 0; i < size; i += 1) order[i] = i;
    order = sortBy(order, (row) => this.#lengths[row] as number);
    for (const column of this.#words.toReversed()) {
      order = sortBy(order, (row) => (column[row] as number) & (BUCKETS - 1));
      order = sortBy(order, (row) => (column[row] as number) >>> DIGIT_BITS);
    }
    const rows = this.#withoutRepetitions(order);
    return {
      family: this.#family,
      size: rows.length,
      words: this.#words.map((column) => Uint32Array.from(rows, (row) => column[row] as number)),
      lengths: Uint8Array.from(rows, (row) => this.#lengths[row] as number),
      attributeIds: Uint32Array.from(rows, (row) => this.#attributeIds[row] as number),
      attributes: this.#attributes,
    };
  }

  /** The sort is stable, so the last of equal prefixes came last. */
  #withoutRepetitions(order: Uint32Array): Uint32Array {
    let kept = 0;
    for (let i = 0; i < order.length; i += 1) {
      const row = order[i] as number;
      if (i + 1 < order.length && this.#isSame(row, order[i + 1] as number)) continue;
      order[kept] = row;
      kept += 1;
    }
    return order.subarray(0, kept);
  }

  #isSame(a: number, b: number): boolean {
    return this.#lengths[a] === this.#lengths[b] && this.#words.every((column) => column[a] === column[b]);
  }
}

/** One pass of a stable counting sort by a digit of at most 16 bits. */
function sortBy(order: Uint32Array, digitOf: (row: number) => number): Uint32Array<ArrayBuffer> {
  const starts = new Uint32Array(BUCKETS + 1);
  for (const row of order) {
    const bucket = digitOf(row) + 1;
    starts[bucket] = (starts[bucket] as number) + 1;
  }
  for (let i = 1; i <= BUCKETS; i += 1) starts[i] = (starts[i] as number) + (starts[i - 1] as number);
  const sorted = new Uint32Array(order.length);
  for (const row of order) {
    const digit = digitOf(row);
    const at = starts[digit] as number;
    sorted[at] = row;
    starts[digit] = at + 1;
  }
  return sorted;
}

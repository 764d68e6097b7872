// Longest-prefix match for one address family: a multibit trie over one typed array, changed in place.
//
// INVARIANTS
// - A slot is 0 (no prefix), a record id > 0 (the longest prefix that covers the whole slot), or ~block < 0 (its parts differ).
// - A short prefix is painted over all slots it covers, never over a longer one; so a lookup is one read a level and stops at the first record.
// - The exact index (open addressing) finds a record by prefix; with it a removal knows what to paint instead, and lookups find the next shorter prefix.
// - Every call leaves the table whole: between two calls a lookup sees all of a change or nothing of it.

import { wordMask } from '../addresses/ip-prefix.ts';

/** Bits that the root resolves. */
const ROOT_BITS = 16;
/** Bits a level: 8 for IPv4 (at most three reads), 4 for IPv6 (blocks of 64 bytes, as most of them are nearly empty). */
const STRIDE_BITS = { 32: 8, 128: 4 } as const;
/** Ids and block numbers must fit a signed word. */
export const TABLE_PREFIXES_MAX = 16_000_000;
const INDEX_LOAD_MAX = 0.5;
const START_RECORDS = 1024;
const START_BLOCKS = 64;
const GROWTH = 1.5;

type Words = ArrayLike<number>;

export class PrefixTable {
  readonly #bits: 32 | 128;
  readonly #wordCount: number;
  readonly #stride: number;
  readonly #blockSlots: number;
  #slots: Int32Array;
  #blocksUsed = 0;
  readonly #freeBlocks: number[] = [];
  #recordLength = new Uint8Array(START_RECORDS);
  #recordValue = new Uint32Array(START_RECORDS);
  #recordWords: Uint32Array;
  #recordsUsed = 1;
  readonly #freeRecords: number[] = [];
  #index = new Int32Array(START_RECORDS * 2);
  /** Prefixes by length: lengths that nobody uses are not searched. */
  readonly #counts: Uint32Array;
  readonly #scratch: Uint32Array;
  #size = 0;

  constructor(bits: 32 | 128) {
    this.#bits = bits;
    this.#wordCount = bits / 32;
    this.#stride = STRIDE_BITS[bits];
    this.#blockSlots = 2 ** this.#stride;
    this.#slots = new Int32Array(2 ** ROOT_BITS + START_BLOCKS * this.#blockSlots);
    this.#recordWords = new Uint32Array(START_RECORDS * this.#wordCount);
    this.#counts = new Uint32Array(bits + 1);
    this.#scratch = new Uint32Array(this.#wordCount);
  }

  get size(): number {
    return this.#size;
  }

  /** Memory of the arrays. */
  get bytes(): number {
    const arrays = [this.#slots, this.#recordLength, this.#recordValue, this.#recordWords, this.#index];
    return arrays.reduce((sum, array) => sum + array.byteLength, 0);
  }

  /** Adds the prefix or changes its value, 0..2^32-1. Bits behind the length must be clear. RangeError when the table is full. */
  set(words: Words, length: number, value: number): void {
    const known = this.find(words, length);
    if (known !== 0) {
      this.#recordValue[known] = value;
      return;
    }
    if (this.#size >= TABLE_PREFIXES_MAX)
      throw new RangeError(`Table holds ${this.#size} prefixes, at most ${TABLE_PREFIXES_MAX}`);
    const record = this.#newRecord(words, length, value);
    const path = this.#descend(words, length);
    const { start, end } = this.#span(words, length, path.depth, path.base);
    for (let slot = start; slot < end; slot += 1) this.#paint(slot, record, length);
  }

  /** false when it was not there. */
  delete(words: Words, length: number): boolean {
    const record = this.find(words, length);
    if (record === 0) return false;
    const instead = this.nextShorter(words, length);
    const path = this.#descend(words, length);
    const { start, end } = this.#span(words, length, path.depth, path.base);
    for (let slot = start; slot < end; slot += 1) this.#repaint(slot, record, instead);
    this.#collapse(path.parents);
    this.#dropRecord(record);
    return true;
  }

  /** Record of exactly this prefix; 0 = none. */
  find(words: Words, length: number): number {
    return this.#index[this.#indexSlot(words, length)]!;
  }

  /** Record of the longest prefix that holds the address; 0 = none. */
  longest(words: Words): number {
    const slots = this.#slots;
    const first = words[0]!;
    let entry = slots[first >>> ROOT_BITS]!;
    if (this.#bits === 32) {
      if (entry >= 0) return entry;
      entry = slots[65_536 + (~entry << 8) + ((first >>> 8) & 255)]!;
      return entry >= 0 ? entry : slots[65_536 + (~entry << 8) + (first & 255)]!;
    }
    for (let depth = ROOT_BITS; entry < 0; depth += 4) {
      entry = slots[65_536 + (~entry << 4) + ((words[depth >>> 5]! >>> (28 - (depth & 31))) & 15)]!;
    }
    return entry;
  }

  /** Record of the longest prefix below `length` bits that holds the address; 0 = none. */
  nextShorter(words: Words, length: number): number {
    for (let shorter = length - 1; shorter >= 0; shorter -= 1) {
      if (this.#counts[shorter] === 0) continue;
      const record = this.find(this.#masked(words, shorter), shorter);
      if (record !== 0) return record;
    }
    return 0;
  }

  lengthOf(record: number): number {
    return this.#recordLength[record]!;
  }

  valueOf(record: number): number {
    return this.#recordValue[record]!;
  }

  wordsOf(record: number): number[] {
    const start = record * this.#wordCount;
    return [...this.#recordWords.subarray(start, start + this.#wordCount)];
  }

  /** Every record, in no order. The table must not change meanwhile. */
  *records(): Generator<number> {
    for (const record of this.#index) if (record !== 0) yield record;
  }

  /** Calls `visit` with every record longer than `length` inside the prefix, some of them repeatedly, until it answers true. Did it? */
  someWithin(words: Words, length: number, visit: (record: number) => boolean): boolean {
    const path = this.#find(words, length);
    if (!path) return false;
    const { start, end } = this.#span(words, length, path.depth, path.base);
    let last = 0;
    const look = (slot: number): boolean => {
      const entry = this.#slots[slot]!;
      if (entry < 0) {
        const base = this.#baseOf(~entry);
        for (let i = base; i < base + this.#blockSlots; i += 1) if (look(i)) return true;
        return false;
      }
      if (entry === last) return false;
      last = entry;
      // A prefix whose parts are all covered by longer ones is in no slot: it is found on the way up.
      for (
        let at = entry;
        at !== 0 && this.lengthOf(at) > length;
        at = this.nextShorter(this.wordsOf(at), this.lengthOf(at))
      ) {
        if (visit(at)) return true;
      }
      return false;
    };
    for (let slot = start; slot < end; slot += 1) if (look(slot)) return true;
    return false;
  }

  // --- trie

  #baseOf(block: number): number {
    return 2 ** ROOT_BITS + block * this.#blockSlots;
  }

  #chunk(words: Words, depth: number, bits: number): number {
    return (words[depth >>> 5]! >>> (32 - bits - (depth & 31))) & (2 ** bits - 1);
  }

  /** Slots of the level at `depth`, `base` that the prefix covers. */
  #span(words: Words, length: number, depth: number, base: number): { start: number; end: number } {
    const bits = depth === 0 ? ROOT_BITS : this.#stride;
    const start = base + this.#chunk(words, depth, bits);
    return { start, end: start + 2 ** (depth + bits - length) };
  }

  /** Way to the level where a prefix of this length lies, blocks made as needed; `parents` = the slots passed. */
  #descend(words: Words, length: number): { depth: number; base: number; parents: number[] } {
    let depth = 0;
    let base = 0;
    let bits = ROOT_BITS;
    const parents: number[] = [];
    while (length > depth + bits) {
      const slot = base + this.#chunk(words, depth, bits);
      parents.push(slot);
      if (this.#slots[slot]! >= 0) this.#split(slot);
      base = this.#baseOf(~this.#slots[slot]!);
      depth += bits;
      bits = this.#stride;
    }
    return { depth, base, parents };
  }

  /** The same way without making anything; undefined when nothing longer than a slot on it is there. */
  #find(words: Words, length: number): { depth: number; base: number } | undefined {
    let depth = 0;
    let base = 0;
    let bits = ROOT_BITS;
    while (length > depth + bits) {
      const entry = this.#slots[base + this.#chunk(words, depth, bits)]!;
      if (entry >= 0) return undefined;
      base = this.#baseOf(~entry);
      depth += bits;
      bits = this.#stride;
    }
    return { depth, base };
  }

  #split(slot: number): void {
    const entry = this.#slots[slot]!;
    const block = this.#freeBlocks.pop() ?? this.#blocksUsed++;
    const base = this.#baseOf(block);
    if (base + this.#blockSlots > this.#slots.length) {
      const grown = new Int32Array(Math.ceil((this.#slots.length * GROWTH) / this.#blockSlots) * this.#blockSlots);
      grown.set(this.#slots);
      this.#slots = grown;
    }
    this.#slots.fill(entry, base, base + this.#blockSlots);
    this.#slots[slot] = ~block;
  }

  #paint(slot: number, record: number, length: number): void {
    const entry = this.#slots[slot]!;
    if (entry < 0) {
      const base = this.#baseOf(~entry);
      for (let i = base; i < base + this.#blockSlots; i += 1) this.#paint(i, record, length);
    } else if (entry === 0 || this.#recordLength[entry]! <= length) this.#slots[slot] = record;
  }

  #repaint(slot: number, record: number, instead: number): void {
    const entry = this.#slots[slot]!;
    if (entry < 0) {
      const base = this.#baseOf(~entry);
      for (let i = base; i < base + this.#blockSlots; i += 1) this.#repaint(i, record, instead);
    } else if (entry === record) this.#slots[slot] = instead;
  }

  /** From the deepest block up: one whose slots are all the same is given back. */
  #collapse(parents: readonly number[]): void {
    for (const slot of [...parents].reverse()) {
      const block = ~this.#slots[slot]!;
      const base = this.#baseOf(block);
      const entry = this.#slots[base]!;
      if (entry < 0) return;
      for (let i = base + 1; i < base + this.#blockSlots; i += 1) if (this.#slots[i] !== entry) return;
      this.#slots[slot] = entry;
      this.#freeBlocks.push(block);
    }
  }

  // --- records and their exact index

  #newRecord(words: Words, length: number, value: number): number {
    if ((this.#size + 1) / this.#index.length > INDEX_LOAD_MAX) this.#growIndex();
    const record = this.#freeRecords.pop() ?? this.#recordsUsed++;
    if (record >= this.#recordLength.length) this.#growRecords();
    this.#recordLength[record] = length;
    this.#recordValue[record] = value;
    for (let i = 0; i < this.#wordCount; i += 1) this.#recordWords[record * this.#wordCount + i] = words[i]!;
    this.#index[this.#indexSlot(words, length)] = record;
    this.#counts[length]! += 1;
    this.#size += 1;
    return record;
  }

  #dropRecord(record: number): void {
    const words = this.wordsOf(record);
    const length = this.lengthOf(record);
    this.#unindex(this.#indexSlot(words, length));
    this.#freeRecords.push(record);
    this.#counts[length]! -= 1;
    this.#size -= 1;
  }

  #growRecords(): void {
    const capacity = Math.ceil(this.#recordLength.length * GROWTH);
    this.#recordLength = grown(this.#recordLength, new Uint8Array(capacity));
    this.#recordValue = grown(this.#recordValue, new Uint32Array(capacity));
    this.#recordWords = grown(this.#recordWords, new Uint32Array(capacity * this.#wordCount));
  }

  #growIndex(): void {
    const old = this.#index;
    this.#index = new Int32Array(old.length * 2);
    for (const record of old) if (record !== 0) this.#index[this.#indexSlotOf(record)] = record;
  }

  #masked(words: Words, length: number): Uint32Array {
    for (let i = 0; i < this.#wordCount; i += 1) this.#scratch[i] = words[i]! & wordMask(length - i * 32);
    return this.#scratch;
  }

  /** Where the record of this prefix stands, or would stand. */
  #indexSlot(words: Words, length: number): number {
    const mask = this.#index.length - 1;
    for (let slot = this.#hash(words, 0, length) & mask; ; slot = (slot + 1) & mask) {
      const record = this.#index[slot]!;
      if (record === 0 || this.#isRecord(record, words, length)) return slot;
    }
  }

  #indexSlotOf(record: number): number {
    const mask = this.#index.length - 1;
    let slot = this.#hash(this.#recordWords, record * this.#wordCount, this.#recordLength[record]!) & mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  /** Removal that leaves no tombstones: later entries of the run move up when their own place lies before the hole. */
  #unindex(at: number): void {
    const mask = this.#index.length - 1;
    let hole = at;
    for (let slot = (at + 1) & mask; this.#index[slot] !== 0; slot = (slot + 1) & mask) {
      const record = this.#index[slot]!;
      const home = this.#hash(this.#recordWords, record * this.#wordCount, this.#recordLength[record]!) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#index[hole] = record;
      hole = slot;
    }
    this.#index[hole] = 0;
  }

  #isRecord(record: number, words: Words, length: number): boolean {
    if (this.#recordLength[record] !== length) return false;
    const start = record * this.#wordCount;
    for (let i = 0; i < this.#wordCount; i += 1) if (this.#recordWords[start + i] !== words[i]) return false;
    return true;
  }

  #hash(words: Words, start: number, length: number): number {
    let hash = Math.imul(length + 1, 0x9e3779b1);
    for (let i = start; i < start + this.#wordCount; i += 1) {
      hash = Math.imul(hash ^ words[i]!, 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

// The egress cap over several threads: each thread's tokens come at its share of the rate, by the number of clients it serves at the moment,
// and places for bodies are counted over all. One bucket for all would starve the thread whose timer ticks after the others'.

import { type EgressPeers, TokenBucket, type TokenSource } from '../deliver/egress-budget.ts';

const STREAMS = 0;
const CLIENTS = 1;
/** In 1/1024: clients, each as the part of it that the thread serves. */
const WEIGHT = 2;
const WEIGHT_ONE = 1024;
const HEADER_WORDS = 3;
/** Client addresses are counted by a hash of so many values; two that fall together count as one client. */
const ADDRESS_WORDS = 1024;
const WORDS = HEADER_WORDS + ADDRESS_WORDS;

/** INVARIANT: a thread writes only to its own part of the memory. */
export class SharedEgress implements TokenSource, EgressPeers {
  readonly #counts: Int32Array;
  readonly #slot: number;
  readonly #bucket = new TokenBucket();
  #bytesPerSec = Number.POSITIVE_INFINITY;
  #share = 1;

  static memory(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(slots * WORDS * 4);
  }

  /** A thread is no more: its bodies are over. */
  static releaseSlot(memory: SharedArrayBuffer, slot: number): void {
    const counts = new Int32Array(memory, slot * WORDS * 4, WORDS);
    for (let word = 0; word < WORDS; word += 1) Atomics.store(counts, word, 0);
  }

  /** @param memory of memory(); @param slot this thread's number */
  constructor(memory: SharedArrayBuffer, slot: number) {
    this.#counts = new Int32Array(memory);
    this.#slot = slot;
  }

  setRate(bytesPerSec: number): void {
    this.#bytesPerSec = bytesPerSec;
    this.#bucket.setRate(bytesPerSec * this.#share);
  }

  draw(wanted: number): number {
    // Before the first look at the others a client counts as one.
    const weight = Math.max(1, this.#own(WEIGHT) || this.#own(CLIENTS) * WEIGHT_ONE);
    const share = weight / (weight + this.#others(WEIGHT));
    if (share !== this.#share) {
      this.#share = share;
      this.#bucket.changeRate(this.#bytesPerSec * share);
    }
    return this.#bucket.draw(wanted);
  }

  put(bytes: number): void {
    this.#bucket.put(bytes);
  }

  publish(address: string, change: number, streams: number, clients: number): void {
    const own = this.#slot * WORDS;
    Atomics.add(this.#counts, own + wordOf(address), change);
    Atomics.store(this.#counts, own + STREAMS, streams);
    Atomics.store(this.#counts, own + CLIENTS, clients);
    if (clients === 0) Atomics.store(this.#counts, own + WEIGHT, 0);
  }

  weigh(weight: number): void {
    Atomics.store(this.#counts, this.#slot * WORDS + WEIGHT, Math.round(weight * WEIGHT_ONE));
  }

  /** Bodies under way on the other threads. */
  get streams(): number {
    return this.#others(STREAMS);
  }

  /** Clients with a body under way on the other threads; one that several threads serve counts on each. */
  get clients(): number {
    return this.#others(CLIENTS);
  }

  streamsOf(address: string): number {
    return this.#others(wordOf(address));
  }

  clientsInAll(own: number): number {
    let clients = 0;
    for (let word = HEADER_WORDS; word < WORDS; word += 1) if (this.#own(word) + this.#others(word) > 0) clients += 1;
    return Math.max(own, clients);
  }

  #own(word: number): number {
    return Atomics.load(this.#counts, this.#slot * WORDS + word);
  }

  #others(word: number): number {
    let sum = 0;
    for (let at = word; at < this.#counts.length; at += WORDS) {
      if (at !== this.#slot * WORDS + word) sum += Atomics.load(this.#counts, at);
    }
    return sum;
  }
}

/** FNV-1a. */
function wordOf(address: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < address.length; i += 1) hash = Math.imul(hash ^ address.charCodeAt(i), 0x01000193);
  return HEADER_WORDS + ((hash >>> 0) % ADDRESS_WORDS);
}

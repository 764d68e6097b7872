// The egress cap over several threads: each thread's tokens come at its share of the rate, by the number of clients it serves at the moment,
// and places for bodies are counted over all. One bucket for all would starve the thread whose timer ticks after the others'.

import { type EgressPeers, TokenBucket, type TokenSource } from '../deliver/egress-budget.ts';

const STREAMS = 0;
const CLIENTS = 1;
const WORDS = 2;

export class SharedEgress implements TokenSource, EgressPeers {
  readonly #counts: Int32Array;
  readonly #slot: number;
  readonly #bucket = new TokenBucket();
  #bytesPerSec = Number.POSITIVE_INFINITY;
  #share = 1;

  static memory(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(slots * WORDS * 4);
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
    const clients = Math.max(1, this.#own(CLIENTS));
    const share = clients / (clients + this.clients);
    if (share !== this.#share) {
      this.#share = share;
      this.#bucket.changeRate(this.#bytesPerSec * share);
    }
    return this.#bucket.draw(wanted);
  }

  put(bytes: number): void {
    this.#bucket.put(bytes);
  }

  publish(streams: number, clients: number): void {
    Atomics.store(this.#counts, this.#slot * WORDS + STREAMS, streams);
    Atomics.store(this.#counts, this.#slot * WORDS + CLIENTS, clients);
  }

  /** Bodies under way on the other threads. */
  get streams(): number {
    return this.#others(STREAMS);
  }

  /** Clients with a body under way on the other threads; one that is served by several threads counts on each. */
  get clients(): number {
    return this.#others(CLIENTS);
  }

  /** A thread is no more: its bodies are over. */
  static releaseSlot(memory: SharedArrayBuffer, slot: number): void {
    new SharedEgress(memory, slot).publish(0, 0);
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

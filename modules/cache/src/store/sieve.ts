// SIEVE eviction (Zhang et al., NSDI '24): one queue in order of arrival, one bit an object, a hand that walks from old to new.
// The queue is the index itself, so memory holds only the bits; bits and hand are kept over a restart.

import { type BitPage, VisitedBits } from './visited-bits.ts';

/** Objects the hand passes in one pick: with a million of them, all used, a pick must not hold up everything else. */
const STEPS_MAX = 2000;

/** One object as the hand sees it. */
export interface EvictionCandidate {
  /** Position in the queue: ids are given in order of arrival. */
  id: number;
  storedBytes: number;
}

export interface EvictionQueue {
  /** The oldest object with id > after, undefined at the end. */
  nextAfter(after: number): EvictionCandidate | undefined;
}

/** What is kept over a restart. */
export interface SieveChange {
  hand: number;
  pages: BitPage[];
}

export class Sieve {
  readonly #visited = new VisitedBits();
  #hand = 0;
  #wraps = 0;

  /** Notes a hit. */
  visit(id: number): void {
    this.#visited.add(id);
  }

  forget(id: number): void {
    this.#visited.delete(id);
  }

  isVisited(id: number): boolean {
    return this.#visited.has(id);
  }

  get visitedCount(): number {
    return this.#visited.count;
  }

  get hand(): number {
    return this.#hand;
  }

  /**
   * The next object to go: the first from the hand on that was not used since the hand last passed.
   * @param isPinned objects in use are passed over; also asked to take visits that were noted elsewhere
   * @returns 'pause' when the hand went far without an answer: call again after a turn of the event loop;
   *   undefined when everything is pinned
   */
  pick(queue: EvictionQueue, isPinned: (id: number) => boolean): EvictionCandidate | 'pause' | undefined {
    for (let steps = 0; steps < STEPS_MAX; steps += 1) {
      const candidate = queue.nextAfter(this.#hand);
      if (candidate === undefined) {
        this.#hand = 0;
        this.#wraps += 1;
        // Two wraps suffice: the first clears the bits, the second meets cleared ones.
        if (this.#wraps < 3) continue;
        this.#wraps = 0;
        return undefined;
      }
      this.#hand = candidate.id;
      const mustStay = isPinned(candidate.id);
      if (this.#visited.delete(candidate.id) || mustStay) continue;
      this.#wraps = 0;
      return candidate;
    }
    return 'pause';
  }

  takeChanges(): SieveChange {
    return { hand: this.#hand, pages: this.#visited.takeChanges() };
  }

  restore(hand: number, pages: Iterable<BitPage>): void {
    this.#hand = hand;
    this.#visited.load(pages);
  }
}

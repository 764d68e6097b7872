// SIEVE eviction (Zhang et al., NSDI '24): one queue in order of arrival, one bit an object, a hand that walks from old to new.
// The queue is the index itself, so memory holds only the bits of what was used since the hand passed.

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

export class Sieve {
  readonly #visited = new Set<number>();
  #hand = 0;

  /** Notes a hit. */
  visit(id: number): void {
    this.#visited.add(id);
  }

  forget(id: number): void {
    this.#visited.delete(id);
  }

  get visitedCount(): number {
    return this.#visited.size;
  }

  /**
   * The next object to go: the first from the hand on that was not used since the hand last passed.
   * @param isPinned objects in use are passed over
   * @returns undefined when everything is pinned
   */
  pick(queue: EvictionQueue, isPinned: (id: number) => boolean): EvictionCandidate | undefined {
    // Two wraps suffice: the first clears the bits, the second meets cleared ones.
    for (let wraps = 0; wraps < 3; ) {
      const candidate = queue.nextAfter(this.#hand);
      if (candidate === undefined) {
        this.#hand = 0;
        wraps += 1;
        continue;
      }
      this.#hand = candidate.id;
      if (this.#visited.delete(candidate.id) || isPinned(candidate.id)) continue;
      return candidate;
    }
    return undefined;
  }
}

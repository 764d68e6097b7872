// At most n jobs at a time, the rest wait in order; the queue itself is bounded.

import { EdgeError } from './edge-error.ts';

/** Waiting jobs before run() refuses. */
export const SEMAPHORE_WAITING_MAX = 10_000;

export class Semaphore {
  readonly #limit: number;
  readonly #waitingMax: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number, waitingMax: number = SEMAPHORE_WAITING_MAX) {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new RangeError(`Cannot make a semaphore: limit is ${limit}, wanted a whole number of at least 1`);
    }
    this.#limit = limit;
    this.#waitingMax = waitingMax;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs fn when its turn comes. Rejects with KIT_QUEUE_FULL at once when too many wait. */
  async run<T>(fn: () => Promise<T> | T): Promise<T> {
    if (this.#running < this.#limit) this.#running += 1;
    else await this.#turn();
    try {
      return await fn();
    } finally {
      // The place is handed over, not freed and taken: a newcomer cannot slip in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) {
      throw new EdgeError(
        'KIT_QUEUE_FULL',
        `Cannot queue another job: ${this.#waiting.length} wait, at most ${this.#waitingMax} may`,
        {
          retry: 'backoff',
          details: { waiting: this.#waiting.length, waitingMax: this.#waitingMax },
        },
      );
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

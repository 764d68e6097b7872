// Time as a port: loops and timeouts ask a Clock, so that tests move time by hand.

import { setTimeout as sleepTimer, setImmediate as turn } from 'node:timers/promises';

export interface Clock {
  /** Wall clock, milliseconds since 1970; may jump. */
  nowMs(): number;
  /** Milliseconds since some fixed point; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout fires at once for longer waits (32-bit), so those are made of pieces. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      for (let left = Math.max(0, ms); ; left -= TIMER_MS_MAX) {
        await sleepTimer(Math.min(left, TIMER_MS_MAX), undefined, signal === undefined ? undefined : { signal });
        if (left <= TIMER_MS_MAX) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

interface Sleeper {
  dueMs: number;
  wake: () => void;
}

/** A clock that stands until advance() is called. */
export class FakeClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  #sleepers: Sleeper[] = [];

  constructor(startMs = 1_767_225_600_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves only the wall clock, as an NTP step does. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        dueMs: this.#elapsedMs + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves time on, wakes due sleeps in order, and lets woken code run and sleep again before the next is woken. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await turn();
    for (;;) {
      const next = this.#sleepers.filter((s) => s.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#moveTo(next.dueMs);
      next.wake();
      await turn();
    }
    this.#moveTo(endMs);
  }

  #moveTo(elapsedMs: number): void {
    this.#nowMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}

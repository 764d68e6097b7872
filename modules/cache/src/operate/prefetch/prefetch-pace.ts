// Holds a prefetch to its share of the line: who fetched more than the rate allows waits before it fetches again.

import type { Clock } from '@wayside/kit';

/** A stretch of this time is fetched before the rate is looked at again, at least one chunk of 1 MiB. */
const STRETCH_SECS = 1;
const STRETCH_BYTES_MIN = 1024 * 1024;
const STRETCH_BYTES_MAX = 32 * 1024 * 1024;
/** Unused rate is not saved up for longer than this. */
const SAVED_MS_MAX = 1000;

export class PrefetchPace {
  readonly #bytesPerSec: number;
  readonly #clock: Clock;
  /** When what was fetched so far is paid for, ms of the monotonic clock. */
  #paidAtMs: number;

  /** @param mbps null = no limit */
  constructor(mbps: number | null, clock: Clock) {
    this.#bytesPerSec = mbps === null ? Number.POSITIVE_INFINITY : (mbps * 1e6) / 8;
    this.#clock = clock;
    this.#paidAtMs = clock.monotonicMs();
  }

  /** Bytes to be asked for at a time. */
  get stretchBytes(): number {
    return Math.min(STRETCH_BYTES_MAX, Math.max(STRETCH_BYTES_MIN, this.#bytesPerSec * STRETCH_SECS));
  }

  /** Resolves when more may be fetched; rejects with the signal's reason. */
  async turn(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const waitMs = this.#paidAtMs - this.#clock.monotonicMs();
      if (waitMs <= 0) return;
      await this.#clock.sleep(waitMs, signal);
    }
  }

  /** Fetched bytes are charged afterwards: nobody knows before how many come. */
  charge(bytes: number): void {
    if (this.#bytesPerSec === Number.POSITIVE_INFINITY) return;
    const from = Math.max(this.#paidAtMs, this.#clock.monotonicMs() - SAVED_MS_MAX);
    this.#paidAtMs = from + (bytes / this.#bytesPerSec) * 1000;
  }
}

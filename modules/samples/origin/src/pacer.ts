// Shares a fixed rate among all answers: each takes its bytes' time in turn, as on one slow line.

import { setTimeout as sleep } from 'node:timers/promises';

/** Waits shorter than this are not worth a timer; they add up to the next one. */
const WAIT_MS_MIN = 2;

export class Pacer {
  readonly #bytesPerMs: number;
  readonly #nowMs: () => number;
  #freeAtMs = 0;

  constructor(rateBytesPerSec: number, nowMs: () => number = () => performance.now()) {
    this.#bytesPerMs = rateBytesPerSec / 1000;
    this.#nowMs = nowMs;
  }

  /** Milliseconds until these bytes may leave; their time is taken. */
  reserve(bytes: number): number {
    const nowMs = this.#nowMs();
    const startMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = startMs + bytes / this.#bytesPerMs;
    return startMs - nowMs;
  }

  /** Resolves when the bytes may leave. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.reserve(bytes);
    if (waitMs >= WAIT_MS_MIN) await sleep(waitMs, undefined, { signal });
  }
}

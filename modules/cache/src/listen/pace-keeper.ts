// Cuts clients that read more slowly than is of use to anybody: each holds a connection, a descriptor and a place under the egress cap.
// Only what the client itself delays counts: not the wait for an origin, and not for a turn under the cap.

import type { Socket } from 'node:net';
import { native } from '../store/native.ts';

/** How often bodies under way are looked at. */
const SWEEP_INTERVAL_MS = 5000;
/** A client that was too slow for this long is cut. */
const SLOW_MS_MAX = 60_000;
/** Where the kernel does not say what the client took, its buffers hide progress: only a standstill of this long counts. */
const STANDSTILL_MS_MAX = 300_000;

/** One body on its way. */
export class PacedBody {
  readonly socket: Socket;
  /** Handed to the kernel or the stream so far. */
  bytes = 0;
  slowMs = 0;
  #takenBefore = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    this.takenSince();
  }

  /** Bytes the client took since the last look; null when only the hand-over is known. */
  takenSince(): { bytes: number; isExact: boolean } {
    const fd = (this.socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
    const unacknowledged = fd >= 0 ? native?.unacknowledgedBytes(fd) : undefined;
    const taken = this.bytes - (unacknowledged ?? 0) - this.socket.writableLength;
    const bytes = taken - this.#takenBefore;
    this.#takenBefore = taken;
    return { bytes, isExact: unacknowledged !== undefined };
  }
}

export class PaceKeeper {
  /** Slowest pace allowed, bytes a second; 0 = any. */
  bytesPerSecMin: number;
  readonly #bodies = new Set<PacedBody>();
  readonly #figures: { slow: number };
  #timer: NodeJS.Timeout | null = null;

  /** @param figures where it counts clients that were cut */
  constructor(bytesPerSecMin: number, figures: { slow: number }) {
    this.bytesPerSecMin = bytesPerSecMin;
    this.#figures = figures;
  }

  /** The body's bytes are to be counted into what is returned. */
  watch(socket: Socket): PacedBody {
    const body = new PacedBody(socket);
    this.#bodies.add(body);
    if (this.#timer === null) {
      this.#timer = setInterval(() => this.sweep(SWEEP_INTERVAL_MS), SWEEP_INTERVAL_MS);
      this.#timer.unref();
    }
    return body;
  }

  leave(body: PacedBody): void {
    this.#bodies.delete(body);
    if (this.#bodies.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** @param elapsedMs since the last one */
  sweep(elapsedMs: number): void {
    for (const body of this.#bodies) {
      const isClientsTurn = body.socket.writableLength > 0;
      const { bytes, isExact } = body.takenSince();
      const wanted = isExact ? (this.bytesPerSecMin * elapsedMs) / 1000 : 1;
      if (!isClientsTurn || this.bytesPerSecMin === 0 || bytes >= wanted) {
        body.slowMs = 0;
        continue;
      }
      body.slowMs += elapsedMs;
      if (body.slowMs < (isExact ? SLOW_MS_MAX : STANDSTILL_MS_MAX)) continue;
      this.#bodies.delete(body);
      this.#figures.slow += 1;
      body.socket.destroy();
    }
  }
}

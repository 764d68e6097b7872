// The egress cap: all bodies draw from one bucket, and new requests are refused while the shares would get too small.

/** Every client gets at least this, or the request is refused with 503: clients give up below 4000 B/s (connected-cache R4). */
export const CLIENT_BYTES_PER_SEC_MIN = 64 * 1024;
const REFILL_INTERVAL_MS = 10;
/** The bucket holds the bytes of this time: short bursts stay under the cap when measured over a second. */
const BURST_MS = 50;
/** Largest piece handed to one reader at a time while the cap is on, so that all get their turn. */
const TURN_BYTES_MAX = 64 * 1024;

export class EgressBudget {
  #bytesPerSec = Number.POSITIVE_INFINITY;
  #bytes = Number.POSITIVE_INFINITY;
  #refilledAtMs = 0;
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | null = null;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** @param mbps cap in Mbit/s, null for none */
  setCap(mbps: number | null): void {
    this.#bytesPerSec = mbps === null ? Number.POSITIVE_INFINITY : (mbps * 1e6) / 8;
    this.#bytes = mbps === null ? Number.POSITIVE_INFINITY : 0;
    this.#refilledAtMs = this.#nowMs();
    if (mbps === null) this.#wakeAll();
  }

  get isCapped(): boolean {
    return this.#bytesPerSec !== Number.POSITIVE_INFINITY;
  }

  /** Bodies that may run at the same time. */
  get streamsMax(): number {
    return this.isCapped
      ? Math.max(1, Math.floor(this.#bytesPerSec / CLIENT_BYTES_PER_SEC_MIN))
      : Number.POSITIVE_INFINITY;
  }

  /** Bytes that may be sent now, at most `wanted`; 0 = wait. What is taken and not sent is given back. */
  take(wanted: number): number {
    if (!this.isCapped) return wanted;
    this.#refill();
    const taken = Math.min(wanted, TURN_BYTES_MAX, Math.floor(this.#bytes));
    if (taken <= 0) return 0;
    this.#bytes -= taken;
    return taken;
  }

  giveBack(bytes: number): void {
    if (this.isCapped) this.#bytes += bytes;
  }

  /** Calls back once when it is worth asking again, in the order of asking. */
  wait(wake: () => void): void {
    this.#waiting.push(wake);
    this.#timer ??= setInterval(() => this.#tick(), REFILL_INTERVAL_MS);
  }

  #tick(): void {
    this.#refill();
    const round = this.#waiting.splice(0);
    while (round.length > 0 && this.#bytes >= 1) (round.shift() as () => void)();
    this.#waiting.unshift(...round);
    if (this.#waiting.length === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #refill(): void {
    const nowMs = this.#nowMs();
    // Whole ticks only: refilling at every call would hand out a few bytes at a time, a system call each.
    if (nowMs - this.#refilledAtMs < REFILL_INTERVAL_MS) return;
    const earned = ((nowMs - this.#refilledAtMs) / 1000) * this.#bytesPerSec;
    this.#refilledAtMs = nowMs;
    const most = Math.max(TURN_BYTES_MAX, (this.#bytesPerSec * BURST_MS) / 1000);
    this.#bytes = Math.min(most, this.#bytes + earned);
  }
}

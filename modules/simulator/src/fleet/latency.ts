// Latencies of any number of operations in a fixed room: counts in buckets that grow by an eighth of an octave.

const BUCKETS_AN_OCTAVE = 8;
/** From a microsecond to more than an hour. */
const BUCKETS = 32 * BUCKETS_AN_OCTAVE;
const SMALLEST_MS = 0.001;

export class Latency {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  add(ms: number): void {
    const bucket = Math.floor(Math.log2(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) * BUCKETS_AN_OCTAVE);
    const index = Math.min(bucket, BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count += 1;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  /** Upper bound of the bucket that holds this share of the operations, ms; 0 without any. `share` 0..1. */
  quantileMs(share: number): number {
    const wanted = Math.ceil(this.#count * share);
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (count > 0 && seen >= wanted) {
        return Math.min(this.#maxMs, SMALLEST_MS * 2 ** ((index + 1) / BUCKETS_AN_OCTAVE));
      }
    }
    return 0;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxMs = 0;
  }
}

// A histogram of durations that costs a request one short loop and no memory; Prometheus reads it when it asks.

export interface HistogramSnapshot {
  /** Observations per bucket; one more than there are bounds: those above the last. */
  counts: number[];
  sumMs: number;
}

export class Histogram {
  /** Upper bounds in ms, ascending, inclusive. */
  readonly boundsMs: readonly number[];
  readonly #counts: Float64Array;
  #sumMs = 0;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.#counts = new Float64Array(boundsMs.length + 1);
  }

  observe(ms: number): void {
    const { boundsMs } = this;
    let bucket = 0;
    while (bucket < boundsMs.length && ms > (boundsMs[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sumMs += ms;
  }

  snapshot(): HistogramSnapshot {
    return { counts: [...this.#counts], sumMs: this.#sumMs };
  }
}

/** Sum of histograms with the same bounds, such as those of several threads. */
export function addHistograms(a: HistogramSnapshot, b: HistogramSnapshot): HistogramSnapshot {
  return { counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)), sumMs: a.sumMs + b.sumMs };
}

// Figures about transfers from origins into objects, for the metrics.

import { Histogram } from '../operate/histogram.ts';

/** Upper bounds of how long a transfer takes: one small object to a long stretch of a slow origin. */
export const FILL_BOUNDS_MS: readonly number[] = [
  5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
];

export class FillMeters {
  readonly durations = new Histogram(FILL_BOUNDS_MS);
  finished = 0;
  failed = 0;

  /** @param startedAtMs of performance.now() */
  end(startedAtMs: number, isWhole: boolean): void {
    if (isWhole) this.finished += 1;
    else this.failed += 1;
    this.durations.observe(performance.now() - startedAtMs);
  }
}

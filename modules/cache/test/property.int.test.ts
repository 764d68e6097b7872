// Whatever is done to it at once (requests, changes and trouble at the origin, evictions, purges, kill -9, stops, rotten bits), a client only ever gets
// bytes of one version that may be served. SEED=n takes another plan, PROPERTY_SECONDS=n makes it longer.

import { expect, test } from '@jest/globals';
import { PropertyRun } from './property-run.ts';

const SECONDS = Number(process.env.PROPERTY_SECONDS ?? 10);
const SEED = Number(process.env.SEED ?? 1_849_475_686);

test(
  `every byte is of one version that may be served (SEED=${SEED} PROPERTY_SECONDS=${SECONDS})`,
  async () => {
    const run = new PropertyRun(SEED);
    await run.start();
    try {
      await run.work(SECONDS * 1000);
      // A run that did next to nothing shows nothing.
      expect(run.done.requests).toBeGreaterThan(run.model.paths.size);
      expect(run.done.whole).toBeGreaterThan(run.done.requests / 3);
      const { used, cap } = await run.driveBytes();
      expect(used).toBeLessThanOrEqual(cap);
      if (process.env.PROPERTY_SECONDS !== undefined) process.stdout.write(`${JSON.stringify(run.done)}\n`);
    } finally {
      await run.stop();
    }
  },
  SECONDS * 1000 + 300_000,
);

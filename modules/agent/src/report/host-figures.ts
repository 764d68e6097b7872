// Figures of the host for health messages: from the daemon where it answers, else from what the container itself can see.

import os from 'node:os';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { SystemResources } from '@wayside/protocol';
import type { HostFigures } from './health-message.ts';

/** Docker's own statistics take a second a container: not asked for with every message. */
export const SAMPLE_PERIOD_MS = 60_000;
export const SAMPLE_RETRY_MS = 5_000;

export class HostSampler {
  readonly #resources: () => Promise<SystemResources>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #latest: SystemResources | undefined;
  #hurry = new AbortController();

  constructor(resources: () => Promise<SystemResources>, clock: Clock, logger: Logger) {
    this.#resources = resources;
    this.#clock = clock;
    this.#logger = logger;
  }

  get resources(): SystemResources | undefined {
    return this.#latest;
  }

  figures(): HostFigures {
    const known = this.#latest;
    return {
      uptimeSecs: Math.round(os.uptime()),
      usedCpuPercent: known ? known.used_cpu : null,
      usedMemoryBytes: known ? known.used_ram : os.totalmem() - os.freemem(),
      totalMemoryBytes: known ? known.total_ram : os.totalmem(),
      disks: (known?.disks ?? []).map((disk) => ({
        name: disk.name,
        availableBytes: disk.available_space,
        totalBytes: disk.total_space,
      })),
    };
  }

  /** A fresh sample now instead of at the end of the period. */
  hurry(): void {
    this.#hurry.abort();
  }

  async run(signal: AbortSignal, onSample: (resources: SystemResources) => void): Promise<void> {
    while (!signal.aborted) {
      // Before the sample: a wish that comes while it is taken is not for this one.
      this.#hurry = new AbortController();
      let pauseMs = SAMPLE_PERIOD_MS;
      try {
        this.#latest = await this.#resources();
        onSample(this.#latest);
      } catch (error) {
        pauseMs = SAMPLE_RETRY_MS;
        this.#logger.debug('Host figures cannot be read', { error: describeError(error) });
      }
      await this.#clock.sleep(pauseMs, AbortSignal.any([signal, this.#hurry.signal])).catch(() => undefined);
    }
  }
}

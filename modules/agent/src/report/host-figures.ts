// Figures of the host for health messages: from the daemon where it answers, else from what the container itself can see.

import os from 'node:os';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { SystemResources } from '@wayside/protocol';
import type { HostFigures } from './health-message.ts';

/** Docker's own statistics take a second a container: not asked for with every message. */
const SAMPLE_PERIOD_MS = 60_000;

export class HostSampler {
  readonly #resources: () => Promise<SystemResources>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #latest: SystemResources | undefined;

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

  async run(signal: AbortSignal, onSample: (resources: SystemResources) => void): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#latest = await this.#resources();
        onSample(this.#latest);
      } catch (error) {
        this.#logger.debug('Host figures cannot be read', { error: describeError(error) });
      }
      await this.#clock.sleep(SAMPLE_PERIOD_MS, signal).catch(() => undefined);
    }
  }
}

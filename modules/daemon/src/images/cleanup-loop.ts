// Removes images that nothing needs, at the time of day the operator chose.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { DaemonConfig } from '../config.ts';
import type { ContainerEngine } from '../containers/engine.ts';
import { nextCleanupMs } from './cleanup-plan.ts';
import type { Images } from './images.ts';

export interface CleanupLoopOptions {
  engine: ContainerEngine;
  images: Images;
  settings: DaemonConfig['imageCleanup'];
  clock: Clock;
  log: Logger;
}

export async function runImageCleanup(o: CleanupLoopOptions, signal: AbortSignal): Promise<void> {
  const { settings, clock, log } = o;
  while (settings.enabled && !signal.aborted) {
    try {
      await clock.sleep(nextCleanupMs(clock.nowMs(), settings.minuteOfDay, settings.recurrenceMs), signal);
      await cleanUpOnce(o);
    } catch (error) {
      if (!signal.aborted) log.warn('Image clean-up failed', { reason: describeError(error) });
    }
  }
}

/** Containers of any owner keep their image: other software on the host may use the same one. */
export async function cleanUpOnce({ engine, images, settings }: CleanupLoopOptions): Promise<number> {
  const containers = await engine.containersWith({});
  return images.cleanUp(new Set(containers.map(({ imageId }) => imageId)), settings.ageMs);
}

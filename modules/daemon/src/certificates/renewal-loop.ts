// Looks at the Edge CA every hour and renews it when its time has come. Clock steps show up at the next look.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { EdgeCa } from './edge-ca.ts';

const CA_LOOK_MS = 60 * 60 * 1000;

export async function runCaRenewal(ca: EdgeCa, clock: Clock, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(CA_LOOK_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    await ca
      .renewIfDue()
      .catch((error) => log.error('The Edge CA could not be renewed', { reason: describeError(error) }));
  }
}

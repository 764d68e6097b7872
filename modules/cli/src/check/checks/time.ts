// Checks of clocks: tokens and certificates are judged by them.

import { type Check, failure, OK, SKIPPED, warning } from '../check.ts';
import { httpsDateMs, sntpTimeMs } from '../reference-time.ts';

/** More than this between two clocks breaks tokens sooner or later (iotedge.md 5.4). */
const DRIFT_MS_MAX = 10_000;

export const hostLocalTime: Check = {
  id: 'host-local-time',
  description: 'host time is close to reference time',
  async run(context, note) {
    const { ntpServer, clock } = context.settings;
    const upstream = await context.upstream();
    if (ntpServer === undefined && upstream === undefined) return SKIPPED;
    let referenceMs: number;
    try {
      referenceMs =
        ntpServer === undefined
          ? await httpsDateMs(await context.hostTarget(upstream!, upstream!.httpsPort))
          : await sntpTimeMs(ntpServer);
    } catch (error) {
      return warning(`Could not ask ${ntpServer ?? upstream!.hostname} for the time.`, error);
    }
    const driftMs = clock.nowMs() - referenceMs;
    note({ offset_ms: Math.round(driftMs) });
    return Math.abs(driftMs) < DRIFT_MS_MAX
      ? OK
      : warning(
          `Time on the host is ${(driftMs / 1000).toFixed(0)} s off the time of ${ntpServer ?? upstream!.hostname}, at most ${DRIFT_MS_MAX / 1000} s are allowed. Set up time synchronisation.`,
        );
  },
};

export const containerLocalTime: Check = {
  id: 'container-local-time',
  description: 'container time is close to host time',
  async run(context, note) {
    const askedMs = context.settings.clock.nowMs();
    const probe = await context.probeFrom('module');
    if (probe === undefined) return SKIPPED;
    const answeredMs = context.settings.clock.nowMs();
    // The container looked at its clock between the two, or before both when another check ran it.
    const driftMs = probe.nowMs < askedMs ? askedMs - probe.nowMs : Math.max(0, probe.nowMs - answeredMs);
    note({ diff_ms: Math.round(driftMs) });
    return driftMs < DRIFT_MS_MAX
      ? OK
      : failure(
          `Time in a container is ${(driftMs / 1000).toFixed(0)} s off the host's, at most ${DRIFT_MS_MAX / 1000} s are allowed.`,
        );
  },
};

// What the serving threads work by: the desired properties where they say something, the environment where they do not. Pure.

import type { CacheConfig } from '../config.ts';
import type { ThreadSettings } from '../threads/messages.ts';
import type { DesiredSettings } from './desired.ts';

/** Before any desired document came. */
export const NO_DESIRED: DesiredSettings = { origins: [], maxEgressMbps: null, drain: false };

export function threadSettings(config: CacheConfig, desired: DesiredSettings): ThreadSettings {
  const { accessLogShare: share, accessLogSlowMs: slowMs, isAccessLogOn: isOn, threads } = config;
  return {
    origins: desired.origins,
    maxEgressMbps: desired.maxEgressMbps ?? config.maxEgressMbps,
    isDraining: desired.drain,
    accessLog: { isOn, share, slowMs },
    connections: {
      connectionsMax: Math.ceil(config.connectionsMax / threads),
      // The kernel spreads one client's connections over the threads, but not evenly.
      perClientMax: Math.ceil(config.connectionsPerClientMax / threads),
    },
    clientBytesPerSecMin: config.clientBytesPerSecMin,
  };
}

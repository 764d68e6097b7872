// What the serving threads work by: the desired properties where they say something, the environment where they do not. Pure.

import type { CacheConfig } from '../config.ts';
import type { ThreadSettings } from '../threads/messages.ts';
import type { DesiredSettings } from './desired.ts';
import { NO_OPERATIONS } from './desired-operations.ts';

/** Before any desired document came. */
export const NO_DESIRED: DesiredSettings = {
  ...{ origins: [], maxEgressMbps: null, drain: false },
  operations: NO_OPERATIONS,
};

export function threadSettings(config: CacheConfig, desired: DesiredSettings): ThreadSettings {
  const { operations } = desired;
  const { accessLog } = operations;
  return {
    origins: desired.origins,
    maxEgressMbps: desired.maxEgressMbps ?? config.maxEgressMbps,
    isDraining: desired.drain,
    isReadOnly: operations.readOnly,
    accessLog: {
      isOn: accessLog.isOn ?? config.isAccessLogOn,
      share: accessLog.share ?? config.accessLogShare,
      slowMs: accessLog.slowMs ?? config.accessLogSlowMs,
    },
    connections: {
      connectionsMax: Math.ceil((operations.connectionsMax ?? config.connectionsMax) / config.threads),
      // The kernel spreads one client's connections over the threads, but not evenly.
      perClientMax: Math.ceil((operations.connectionsPerClientMax ?? config.connectionsPerClientMax) / config.threads),
    },
    clientBytesPerSecMin: operations.clientBytesPerSecMin ?? config.clientBytesPerSecMin,
  };
}

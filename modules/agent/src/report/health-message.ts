// Body of the health message (docs/contracts.md 7) from a snapshot, and what counts as a change worth telling at once. Pure.

import type { AgentHealth, DaemonHealth, ModuleHealth } from '@wayside/protocol';
import type { ModuleSnapshot, Snapshot } from './snapshot.ts';

export type HostFigures = AgentHealth['host'];

export interface HealthParts {
  agentVersion: string;
  daemon: DaemonHealth | null;
  host: HostFigures;
}

export function toHealth(snapshot: Snapshot, { agentVersion, daemon, host }: HealthParts): AgentHealth {
  const { version, code, description } = snapshot.lastDesired;
  return {
    schemaVersion: '1.0',
    atUtc: new Date(snapshot.atMs).toISOString(),
    agentVersion,
    lastDesiredVersion: version,
    lastDesiredStatus: { code, description },
    modules: snapshot.modules.map(moduleHealth),
    daemon,
    host,
  };
}

function moduleHealth(module: ModuleSnapshot): ModuleHealth {
  const { observed, history } = module;
  return {
    name: module.name,
    runtimeStatus: module.runtimeStatus,
    statusDescription: module.statusDescription,
    image: observed?.image ?? module.desired?.image ?? '',
    imageHash: observed?.imageHash ?? '',
    restartCount: history.restartCount,
    exitCode: observed?.exitCode ?? 0,
    lastStartTimeUtc: toUtc(observed?.startedAtMs),
    lastExitTimeUtc: toUtc(observed?.exitedAtMs),
    lastRestartTimeUtc: toUtc(history.lastRestartAtMs),
    nextRetryTimeUtc: toUtc(module.nextRetryAtMs),
  };
}

/** Equal texts = nothing happened that an operator wants to hear of before the next regular message. */
export function changeMark(health: AgentHealth): string {
  const modules = health.modules.map((module) => [
    module.name,
    module.runtimeStatus,
    module.restartCount,
    module.lastStartTimeUtc,
    module.imageHash,
  ]);
  return JSON.stringify([health.lastDesiredVersion, health.lastDesiredStatus.code, health.daemon, modules]);
}

function toUtc(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : new Date(ms).toISOString();
}

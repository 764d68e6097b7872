// Compares two health messages of a node, module by module, and says what happened in between.

import type { JsonObject, ModuleHealth } from '@wayside/protocol';

export interface ModuleSnapshot {
  health: ModuleHealth;
  /** Different start times seen since the module was first reported. */
  startsSeen: number;
  /** When the newest change was, by the node's report. */
  changedAtMs: number;
}

export interface ModuleChange {
  module: string;
  text: string;
  details: JsonObject;
}

export interface ModuleComparison {
  snapshots: Map<string, ModuleSnapshot>;
  gone: string[];
  changes: ModuleChange[];
}

/** Pure. `atMs` = time of the newer message. */
export function compareModules(
  before: ReadonlyMap<string, ModuleSnapshot>,
  modules: readonly ModuleHealth[],
  atMs: number,
): ModuleComparison {
  const snapshots = new Map<string, ModuleSnapshot>();
  const changes: ModuleChange[] = [];
  for (const health of modules) {
    const known = before.get(health.name);
    const text = known ? changeText(known.health, health) : `appeared: ${statusText(health)}`;
    const isStart = health.lastStartTimeUtc !== null && health.lastStartTimeUtc !== known?.health.lastStartTimeUtc;
    const startsSeen = (known?.startsSeen ?? 0) + (isStart ? 1 : 0);
    snapshots.set(health.name, { health, startsSeen, changedAtMs: text === '' ? (known?.changedAtMs ?? atMs) : atMs });
    if (text !== '')
      changes.push({ module: health.name, text: `${health.name} ${text}`, details: detailsOf(health, startsSeen) });
  }
  const gone = [...before.keys()].filter((name) => !snapshots.has(name));
  for (const module of gone) changes.push({ module, text: `${module} is gone`, details: {} });
  return { snapshots, gone, changes };
}

/** A new description of the same status is no event: it may hold a countdown. */
function changeText(before: ModuleHealth, after: ModuleHealth): string {
  const parts: string[] = [];
  const isRestart = after.lastStartTimeUtc !== null && after.lastStartTimeUtc !== before.lastStartTimeUtc;
  if (before.runtimeStatus !== after.runtimeStatus) parts.push(`${before.runtimeStatus} -> ${statusText(after)}`);
  if (isRestart) parts.push(`started at ${after.lastStartTimeUtc}${exitText(before, after)}`);
  if (after.restartCount !== before.restartCount)
    parts.push(`restart count ${before.restartCount} -> ${after.restartCount}`);
  if (before.image !== after.image) parts.push(`image ${before.image} -> ${after.image}`);
  return parts.join(', ');
}

function exitText(before: ModuleHealth, after: ModuleHealth): string {
  const isNew = after.lastExitTimeUtc !== null && after.lastExitTimeUtc !== before.lastExitTimeUtc;
  return isNew ? `, had ended at ${after.lastExitTimeUtc} with exit code ${after.exitCode}` : '';
}

function statusText(health: ModuleHealth): string {
  return health.statusDescription === '' || health.runtimeStatus === 'running'
    ? health.runtimeStatus
    : `${health.runtimeStatus} (${health.statusDescription})`;
}

function detailsOf(health: ModuleHealth, startsSeen: number): JsonObject {
  const { runtimeStatus, restartCount, exitCode, lastStartTimeUtc, lastExitTimeUtc, image } = health;
  return { runtimeStatus, restartCount, exitCode, lastStartTimeUtc, lastExitTimeUtc, image, startsSeen };
}

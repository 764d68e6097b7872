// Puts together what is wanted, found and remembered of each module into one snapshot. Pure.

import type { AgentDesired } from '@wayside/protocol';
import { isSameContainer } from '../plan/fingerprint.ts';
import {
  type Desired,
  type DesiredModule,
  type ModuleHistory,
  type ModuleStatus,
  NO_HISTORY,
  type ObservedModule,
} from '../plan/model.ts';
import type { LastDesired, ModuleSnapshot, Snapshot } from './snapshot.ts';

export interface SnapshotParts {
  nowMs: number;
  desired: Desired | undefined;
  runtime: AgentDesired['runtime'] | undefined;
  lastDesired: LastDesired;
  /** What the plan says; undefined before a deployment is known: then the node is told of as it is found. */
  statuses: ModuleStatus[] | undefined;
  observed: ReadonlyMap<string, ObservedModule>;
  memory: { history: ReadonlyMap<string, ModuleHistory>; lastGood: ReadonlyMap<string, DesiredModule> };
}

export function buildSnapshot(parts: SnapshotParts): Snapshot {
  const { nowMs, desired, runtime, lastDesired, statuses, observed, memory } = parts;
  const wanted = new Map(
    (desired ? [desired.edgeAgent, ...desired.modules] : []).map((module) => [module.name, module]),
  );
  const modules = (statuses ?? [...observed.values()].map(asFound)).map((status): ModuleSnapshot => {
    const container = observed.get(status.name);
    const definition = wanted.get(status.name);
    const candidates = [definition, memory.lastGood.get(status.name)];
    return {
      ...status,
      desired: definition,
      observed: container,
      running: candidates.find((each) => each && container && isSameContainer(each, container)),
      history: memory.history.get(status.name) ?? NO_HISTORY,
    };
  });
  return { atMs: nowMs, lastDesired, runtime, modules };
}

function asFound(container: ObservedModule): ModuleStatus {
  return {
    name: container.name,
    runtimeStatus: container.health === 'unhealthy' ? 'unhealthy' : container.state,
    statusDescription: '',
    nextRetryAtMs: null,
  };
}

// What the agent knows of the node at one moment: the one source of reported properties, health messages and metrics. Types only.

import type { AgentDesired, ModuleDefinition } from '@wayside/protocol';
import type { DesiredModule, ModuleHistory, ModuleStatus, ObservedModule } from '../plan/model.ts';

/** Outcome of the deployment last handled (iotedge.md 2.5). */
export interface LastDesired {
  version: number;
  code: 200 | 400 | 406 | 412 | 417 | 500;
  /** '' on success. */
  description: string;
}

export interface ModuleSnapshot extends ModuleStatus {
  desired: DesiredModule | undefined;
  observed: ObservedModule | undefined;
  /** What the container was made from, as far as it is known. */
  running: ModuleDefinition | undefined;
  history: ModuleHistory;
}

export interface Snapshot {
  atMs: number;
  lastDesired: LastDesired;
  runtime: AgentDesired['runtime'] | undefined;
  modules: ModuleSnapshot[];
}

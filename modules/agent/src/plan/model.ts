// The words of reconciling: what is wanted, what is there, what is known besides, and what to do about it. Types only.

import type { Identity, ModuleDefinition, RuntimeStatus } from '@wayside/protocol';

/** A wanted module; `fingerprint` covers what a container is made from (image, createOptions, env, version). */
export interface DesiredModule extends ModuleDefinition {
  fingerprint: string;
}

/** One deployment as the agent wants it. */
export interface Desired {
  /** `$version` of the desired properties. */
  deploymentVersion: number;
  edgeAgent: DesiredModule;
  /** edgeHub and all modules, edgeAgent apart. */
  modules: DesiredModule[];
}

/** A container as the management API shows it. Times are ms since the epoch. */
export interface ObservedModule {
  name: string;
  image: string;
  imageHash: string;
  labels: { [name: string]: string };
  state: 'running' | 'stopped' | 'failed' | 'dead' | 'unknown';
  /** The engine's own words about the state. */
  description: string;
  /** undefined when the container has no health check. */
  health?: 'starting' | 'healthy' | 'unhealthy';
  startedAtMs?: number;
  exitedAtMs?: number;
  exitCode?: number;
}

export interface Observed {
  /** Containers by module name, edgeAgent included when it is one. */
  modules: ReadonlyMap<string, ObservedModule>;
  /** undefined = not known at the moment: nothing is created or deleted on doubt. */
  identities: readonly Identity[] | undefined;
}

/** What is remembered of a module over restarts of the agent. */
export interface ModuleHistory {
  restartCount: number;
  lastRestartAtMs: number | null;
  /** The agent stopped it because the deployment said so. */
  stoppedOnPurpose: boolean;
  /** The agent saw it end by itself with exit code 0 while policy did not ask for a restart. */
  completed: boolean;
}

export const NO_HISTORY: ModuleHistory = {
  restartCount: 0,
  lastRestartAtMs: null,
  stoppedOnPurpose: false,
  completed: false,
};

export type ImageState =
  | { state: 'pulling'; sinceMs: number }
  | { state: 'ready' }
  | { state: 'failed'; error: string; retryAtMs: number };

/** Failed tries of one step since the deployment version changed. */
export interface Attempt {
  count: number;
  nextAtMs: number;
  lastError: string;
}

export interface PlanSettings {
  /** First restart delay; doubles with each restart. */
  coolOffMs: number;
  coolOffMsMax: number;
  /** Restarts before a module (other than `always`) is given up. */
  restartCountMax: number;
  /** Running this long forgets the restarts. */
  healthyResetMs: number;
  /** Longest time a startup group holds back the next one. */
  startupGroupWaitMsMax: number;
  /** ModuleUpdateMode=WaitForAllPulls: nothing is made or replaced before every image is on the node. */
  waitsForAllPulls: boolean;
}

/** Everything else the planner may ask. */
export interface Facts {
  nowMs: number;
  settings: PlanSettings;
  history: ReadonlyMap<string, ModuleHistory>;
  /** By imageKey(). */
  images: ReadonlyMap<string, ImageState>;
  /** By stepKey(). */
  attempts: ReadonlyMap<string, Attempt>;
  /** Fingerprint of the last definition that ran, by module name. */
  lastGood: ReadonlyMap<string, string>;
  /** Modules this process has seen running. */
  seenRunning: ReadonlySet<string>;
  /** Since when each startupOrder has held back later ones. */
  groupWaitSinceMs: ReadonlyMap<number, number>;
}

export type Step =
  | { kind: 'prepareImage'; name: string; module: DesiredModule }
  | { kind: 'updateAgent'; name: 'edgeAgent'; module: DesiredModule }
  | { kind: 'createIdentity'; name: string; moduleId: string }
  | { kind: 'deleteIdentity'; name: string; moduleId: string }
  | { kind: 'create'; name: string; module: DesiredModule }
  | { kind: 'replace'; name: string; module: DesiredModule }
  /** Bring back the last definition that ran, after an update failed half-way. */
  | { kind: 'restore'; name: string }
  | { kind: 'start'; name: string; countsAsRestart: boolean }
  | { kind: 'restart'; name: string }
  | { kind: 'stop'; name: string; onPurpose: boolean }
  | { kind: 'remove'; name: string; forget: boolean }
  | { kind: 'resetRestarts'; name: string };

export type StepKind = Step['kind'];

/** Why nothing is done about something yet. */
export interface Wait {
  subject: string;
  reason: 'image' | 'retry' | 'backoff' | 'startup-order' | 'identity';
  why: string;
  /** When it is looked at again by itself; absent = on the next change. */
  untilMs?: number;
  /** The startupOrder that is waited for (reason startup-order). */
  order?: number;
}

/** What is said about a module in the reported properties and health messages. */
export interface ModuleStatus {
  name: string;
  runtimeStatus: RuntimeStatus;
  /** One sentence; '' when the module is as wanted. */
  statusDescription: string;
  nextRetryAtMs: number | null;
}

export interface Plan {
  /** Stages run one after the other; within a stage modules run in parallel, the steps of one module in order. */
  stages: Step[][];
  waits: Wait[];
  statuses: ModuleStatus[];
}

/** Steps with the same key share one retry history. */
export function stepKey(kind: StepKind, name: string): string {
  return `${kind}:${name}`;
}

/** An image is prepared anew for every definition that uses it ("on-create" means: pull when the container is made). */
export function imageKey(module: DesiredModule): string {
  return `${module.name}#${module.fingerprint}`;
}

/** Module identity of a container: system modules carry a `$` in the hub. */
export function moduleIdOf(name: string): string {
  return name === 'edgeHub' || name === 'edgeAgent' ? `$${name}` : name;
}

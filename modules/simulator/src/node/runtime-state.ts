// What runs on a simulated node, and how a deployment changes it: the agent's loop without containers. Pure.

import { createHash } from 'node:crypto';
import {
  type AgentDesired,
  type JsonObject,
  jsonEqual,
  type ModuleDefinition,
  parseAgentDesired,
  type RuntimeStatus,
} from '@wayside/protocol';

export interface RunningModule {
  definition: ModuleDefinition;
  runtimeStatus: RuntimeStatus;
  /** '' when running as wanted. */
  statusDescription: string;
  imageHash: string;
  startedAtMs: number | undefined;
  exitedAtMs: number | undefined;
  restartCount: number;
  lastRestartAtMs: number | undefined;
}

export interface RuntimeState {
  /** Outcome of the deployment handled last (iotedge.md 2.5). */
  lastDesired: { version: number; code: 200 | 400 | 412 | 417 | 500; description: string };
  runtime: AgentDesired['runtime'] | undefined;
  /** In order: edgeAgent, edgeHub, then by name. */
  modules: ReadonlyMap<string, RunningModule>;
}

/** Before the agent has seen a deployment. */
export function freshState(): RuntimeState {
  return {
    lastDesired: { version: 0, code: 417, description: 'No deployment yet' },
    runtime: undefined,
    modules: new Map(),
  };
}

/** The state after a deployment was applied. `pullsFail`: the first image that the node does not have cannot be pulled. */
export function applyDeployment(
  state: RuntimeState,
  desired: JsonObject,
  version: number,
  o: { nowMs: number; pullsFail: boolean },
): RuntimeState {
  const parsed = parseAgentDesired(desired);
  if (!parsed.ok) return { ...state, lastDesired: { version, code: parsed.code, description: parsed.description } };
  const { runtime, edgeAgent, edgeHub, modules: others } = parsed.desired;
  const images = new Set([...state.modules.values()].map(({ definition }) => definition.image));
  const definitions = [edgeAgent, edgeHub, ...others.toSorted((a, b) => (a.name < b.name ? -1 : 1))];
  const missing =
    o.pullsFail && state.modules.size > 0 ? definitions.find(({ image }) => !images.has(image)) : undefined;
  const modules = new Map(
    definitions
      .filter((definition) => definition !== missing || state.modules.has(definition.name))
      .map((definition) => {
        const before = state.modules.get(definition.name);
        // A failed update leaves the last running image in place.
        const after = definition === missing && before ? before : settle(before, definition, o.nowMs);
        return [definition.name, after];
      }),
  );
  const lastDesired = missing
    ? { version, code: 500 as const, description: `Cannot pull image "${missing.image}": registry answered 404` }
    : { version, code: 200 as const, description: '' };
  return { lastDesired, runtime, modules };
}

/** RestartModule; undefined when there is no such module. */
export function restartModule(state: RuntimeState, name: string, nowMs: number): RuntimeState | undefined {
  const module = state.modules.get(name);
  if (!module) return undefined;
  const again = { ...module, runtimeStatus: 'running' as const, startedAtMs: nowMs, exitedAtMs: nowMs };
  return { ...state, modules: new Map([...state.modules, [name, again]]) };
}

/** Modules that are up, edgeAgent and edgeHub left out. */
export function runningNames(state: RuntimeState): string[] {
  return [...state.modules]
    .filter(([name, { runtimeStatus }]) => runtimeStatus === 'running' && name !== 'edgeAgent' && name !== 'edgeHub')
    .map(([name]) => name);
}

function settle(before: RunningModule | undefined, definition: ModuleDefinition, nowMs: number): RunningModule {
  if (before && jsonEqual(before.definition, definition)) return before;
  const isUp = definition.status === 'running';
  return {
    definition,
    runtimeStatus: isUp ? 'running' : 'stopped',
    statusDescription: '',
    imageHash: `sha256:${createHash('sha256').update(definition.image).digest('hex')}`,
    startedAtMs: isUp ? nowMs : before?.startedAtMs,
    exitedAtMs: before === undefined ? undefined : nowMs,
    restartCount: 0,
    lastRestartAtMs: undefined,
  };
}

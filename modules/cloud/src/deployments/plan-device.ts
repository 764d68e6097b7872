// Decides what configurations make of one device (cloud.md 2.6, 2.12): which hold, which is the base, what lies on it, what each twin is to
// hold, and what is written down about it. Pure: the same state and configurations give the same plan; a plan that was carried out gives none.

import {
  checkTwinSection,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonEqual,
  type ModulesContent,
  mergePatch,
} from '@wayside/protocol';
import { EDGE_AGENT, SYSTEM_MODULES } from '../identity/identity-id.ts';
import { MODULES_PER_DEVICE_MAX } from '../identity/identity-rows.ts';
import type { CompiledConfiguration } from './configuration.ts';
import { covers, DESIRED_KEY, type DesiredPath, parseDesiredKey, withoutPath, withPath } from './desired-path.ts';
import {
  type Configured,
  type DeviceState,
  inWriteOrder,
  NOTHING,
  type TargetRow,
  type TwinState,
} from './device-state.ts';
import { type ComposedContent, type Composer, composeContent, namedModules } from './layered-content.ts';
import type { DeploymentOrigin } from './tables.ts';

/** Problems of a merged deployment that are written down. */
const PROBLEMS_SHOWN_MAX = 3;

export interface DevicePlan {
  /** What the device runs by configuration or by the fields of its node; undefined = nobody says, it keeps what it has. */
  effective: EffectiveDeployment | undefined;
  /** Why nothing of the desired properties is changed although the configurations ask for it. */
  problem: string | null;
  create: string[];
  remove: string[];
  /** Twins whose desired section changes, in the order they are to be written; '' = the device. */
  writes: { moduleId: string; desired: JsonObject }[];
  /** What configurations hold in each twin afterwards. */
  configured: Map<string, Configured>;
  targets: TargetRow[];
  /** `configurations` of each twin that has any; '' = the device. */
  statuses: Map<string, JsonObject>;
}

export interface EffectiveDeployment {
  origin: DeploymentOrigin;
  base: string | null;
  layers: string[];
  composed: ComposedContent;
}

interface Setting {
  configuration: CompiledConfiguration;
  path: DesiredPath;
  value: Json;
}

/** `configurations` in ascending precedence. `own`: a deployment to this device alone, in effect until the next evaluation; its writer refuses it when it breaks a limit. */
export function planDevice(
  state: DeviceState,
  configurations: readonly CompiledConfiguration[],
  composer: Composer,
  own?: EffectiveDeployment,
): DevicePlan {
  const edge = state.isEdge ? holdingFor(state.device, configurations, 'modulesContent') : [];
  const effective = own ?? effectiveOf(state, edge, composer);
  const settings = settingsOf(state, configurations);
  const change = planTwins(state, effective, settings);
  const problem = own ? null : problemOf(state, effective, change);
  if (problem !== null) {
    const targets = targetRows(edge, undefined, settings).map((row) => ({ ...row, status: 'Targeted' as const }));
    const statuses = statusesOf(targets, edge);
    return { ...{ effective, problem, targets, statuses }, ...NO_CHANGE, configured: configuredNow(state) };
  }
  const agentChanges = change.writes.some(({ moduleId }) => moduleId === EDGE_AGENT);
  const outcome = agentChanges ? '' : outcomeOf(state);
  const targets = targetRows(edge, effective, settings, outcome);
  return { effective, problem, ...change, targets, statuses: statusesOf(targets, edge) };
}

const NO_CHANGE = { create: [], remove: [], writes: [] };

function holdingFor(
  twin: TwinState,
  configurations: readonly CompiledConfiguration[],
  kind: CompiledConfiguration['kind'],
): CompiledConfiguration[] {
  return configurations.filter((each) => each.kind === kind && each.targets(twin.document()));
}

/** Base and layers (2.12): the highest base; the layers above it. A deployment made from a node's fields is the lowest base there is. */
function effectiveOf(
  state: DeviceState,
  edge: readonly CompiledConfiguration[],
  composer: Composer,
): EffectiveDeployment | undefined {
  const base = edge.findLast((each) => !each.isLayer);
  const layers = edge.filter((each) => each.isLayer && (!base || each.priority > base.priority));
  const ids = layers.map(({ id }) => id);
  if (base) return { origin: 'configuration', base: base.id, layers: ids, composed: composer.compose(base, layers) };
  const { own, followsFields } = state.deployed;
  if (!own || !followsFields || !state.isEdge) return undefined;
  const composed = composeContent(
    own,
    layers.map((layer) => layer.content as ModulesContent),
  );
  return { origin: 'fields', base: null, layers: ids, composed };
}

/** Settings of device and module configurations by twin, in ascending precedence. */
function settingsOf(state: DeviceState, configurations: readonly CompiledConfiguration[]): Map<string, Setting[]> {
  const settings = new Map<string, Setting[]>();
  const collect = (twin: TwinState, kind: CompiledConfiguration['kind']) => {
    const list = holdingFor(twin, configurations, kind).flatMap(pathSettings);
    if (list.length > 0) settings.set(twin.moduleId, list);
  };
  collect(state.device, 'deviceContent');
  for (const module of state.modules.values()) collect(module, 'moduleContent');
  return settings;
}

function pathSettings(configuration: CompiledConfiguration): Setting[] {
  return Object.entries(configuration.content).flatMap(([key, value]): Setting[] => {
    const path = parseDesiredKey(key) ?? [];
    if (path.length > 0) return [{ configuration, path, value }];
    // A whole section is every property of it: what others set beside them stays.
    return Object.entries(isJsonObject(value) ? value : {}).map(([name, inner]) => ({
      configuration,
      path: [name],
      value: inner,
    }));
  });
}

function planTwins(state: DeviceState, effective: EffectiveDeployment | undefined, settings: Map<string, Setting[]>) {
  const content = effective?.composed.content;
  // A deployment to one device replaces the sections that it names and leaves the others (2.6).
  const clears = content !== undefined && effective?.origin !== 'device';
  const names = content ? new Set([...namedModules(content), ...SYSTEM_MODULES]) : undefined;
  const create = names ? [...names].filter((name) => !state.modules.has(name)) : [];
  const remove = names
    ? [...state.modules.values()]
        .filter((twin) => twin.isManaged && !names.has(twin.moduleId))
        .map(({ moduleId }) => moduleId)
    : [];
  const configured = new Map<string, Configured>();
  const desired = new Map<string, JsonObject>();
  const settle = (moduleId: string, twin: TwinState | undefined) => {
    const wrote = twin?.configured ?? NOTHING;
    const section = moduleId === '' ? undefined : content?.[moduleId]?.[DESIRED_KEY];
    const wanted = settings.get(moduleId) ?? [];
    const before = twin?.twin.desired ?? {};
    // A section that a deployment wrote goes with it once another deployment is in its place.
    const start = isJsonObject(section)
      ? mergePatch({}, section)
      : clears && wrote.hasSection
        ? {}
        : without(before, wrote.paths);
    const after = wanted.reduce((value, { path, value: inner }) => withPath(value, path, inner), start);
    configured.set(moduleId, {
      hasSection: isJsonObject(section) || (!clears && wrote.hasSection),
      paths: wanted.map(({ path }) => path),
    });
    if (!jsonEqual(before, after)) desired.set(moduleId, after);
  };
  settle('', state.device);
  for (const [moduleId, twin] of state.modules) if (!remove.includes(moduleId)) settle(moduleId, twin);
  for (const moduleId of create) settle(moduleId, undefined);
  const writes = inWriteOrder(desired.keys()).map((moduleId) => ({ moduleId, desired: desired.get(moduleId) ?? {} }));
  return { create: create.sort(), remove, writes, configured };
}

function without(section: JsonObject, paths: readonly DesiredPath[]): JsonObject {
  return paths.reduce(withoutPath, section);
}

function configuredNow(state: DeviceState): Map<string, Configured> {
  return new Map([state.device, ...state.modules.values()].map(({ moduleId, configured }) => [moduleId, configured]));
}

/** What the merged result breaks; each part by itself was judged when it was taken. */
function problemOf(
  state: DeviceState,
  effective: EffectiveDeployment | undefined,
  change: ReturnType<typeof planTwins>,
): string | null {
  const problems = (effective?.composed.problems ?? []).map(({ path, message }) => `${path} ${message}`);
  const modules = state.modules.size - change.remove.length + change.create.length;
  if (change.create.length > 0 && modules > MODULES_PER_DEVICE_MAX) {
    problems.push(`the device would have ${modules} modules, at most ${MODULES_PER_DEVICE_MAX} are allowed`);
  }
  for (const { moduleId, desired } of change.writes) {
    for (const { path, message } of checkTwinSection(desired)) {
      problems.push(`desired properties of ${moduleId || 'the device'}: ${[path, message].filter(Boolean).join(' ')}`);
    }
  }
  if (problems.length === 0) return null;
  const rest = problems.length - PROBLEMS_SHOWN_MAX;
  return `${problems.slice(0, PROBLEMS_SHOWN_MAX).join('; ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Success is that the agent handled this very version (cloud.md 2.6). */
function outcomeOf(state: DeviceState): TargetRow['outcome'] {
  const twin = state.modules.get(EDGE_AGENT)?.twin;
  const status = twin?.reported.lastDesiredStatus;
  if (!twin || !isJsonObject(status) || twin.reported.lastDesiredVersion !== twin.desiredVersion) return '';
  if (status.code === 200) return 'successful';
  return status.code === undefined ? '' : 'failed';
}

function targetRows(
  edge: readonly CompiledConfiguration[],
  effective: EffectiveDeployment | undefined,
  settings: Map<string, Setting[]>,
  outcome: TargetRow['outcome'] = '',
): TargetRow[] {
  const inEffect = new Set(effective ? [effective.base, ...effective.layers] : []);
  const rows = edge.map((each): TargetRow => {
    const applied = inEffect.has(each.id) && saysSomethingToAgent(each);
    return { configuration_id: each.id, module_id: '', ...(applied ? { status: 'Applied', outcome } : TARGETED) };
  });
  for (const [moduleId, list] of settings) {
    for (const { id } of new Set(list.map((setting) => setting.configuration))) {
      const status = list.some((each, at) => each.configuration.id === id && !isOverridden(each, list.slice(at + 1)));
      rows.push({ configuration_id: id, module_id: moduleId, outcome: '', status: status ? 'Applied' : 'Targeted' });
    }
  }
  return rows;
}

/** The metric queries read those of edge deployments from $edgeAgent (2.12). */
function statusesOf(targets: readonly TargetRow[], edge: readonly CompiledConfiguration[]): Map<string, JsonObject> {
  const edgeIds = new Set(edge.map(({ id }) => id));
  const statuses = new Map<string, JsonObject>();
  for (const { configuration_id: id, module_id: moduleId, status } of targets) {
    for (const on of edgeIds.has(id) ? ['', EDGE_AGENT] : [moduleId]) {
      statuses.set(on, { ...statuses.get(on), [id]: { status } });
    }
  }
  return statuses;
}

const TARGETED = { status: 'Targeted', outcome: '' } as const;

/** A layer with an empty $edgeAgent takes effect but is only ever shown as targeted (iotedge.md 1.6). */
function saysSomethingToAgent(configuration: CompiledConfiguration): boolean {
  const agent = configuration.content[EDGE_AGENT];
  return !configuration.isLayer || (isJsonObject(agent) && Object.keys(agent).length > 0);
}

function isOverridden(setting: Setting, later: readonly Setting[]): boolean {
  return later.some((other) => other.configuration !== setting.configuration && covers(other.path, setting.path));
}

// What a plan changes on a device, in the words of an operator: module by module, added, removed or changed, with the paths. Pure.

import { isJsonObject, type Json, type JsonObject, jsonEqual } from '@wayside/protocol';
import { EDGE_AGENT } from '../identity/identity-id.ts';
import { type DesiredPath, pathText } from './desired-path.ts';
import type { DeviceState } from './device-state.ts';
import type { DevicePlan } from './plan-device.ts';

/** Paths named of one module; a module with more is changed as a whole. */
const PATHS_MAX = 100;

export interface ModuleChange {
  /** '' = the device's own twin. */
  module: string;
  change: 'added' | 'removed' | 'changed';
  /** `definition.settings.image` of what $edgeAgent runs, `properties.desired.x` of the module's own twin. */
  paths: string[];
}

/** From what the twins hold now to what the plan writes. */
export function planChanges(state: DeviceState, plan: DevicePlan): ModuleChange[] {
  const pairs = plan.writes.map(({ moduleId, desired }): SectionPair => {
    const twin = moduleId === '' ? state.device : state.modules.get(moduleId);
    return { module: moduleId, before: twin?.twin.desired ?? {}, after: desired };
  });
  return describeChanges(pairs, new Set(plan.create), new Set(plan.remove));
}

export interface SectionPair {
  module: string;
  before: JsonObject;
  after: JsonObject;
}

/** `created` and `removed`: module identities that come and go. */
export function describeChanges(
  pairs: readonly SectionPair[],
  created: ReadonlySet<string> = new Set(),
  removed: ReadonlySet<string> = new Set(),
): ModuleChange[] {
  const paths = new Map<string, Set<string>>();
  const note = (module: string, ...found: string[]) => {
    const known = paths.get(module) ?? new Set<string>();
    for (const path of found) if (known.size < PATHS_MAX) known.add(path);
    paths.set(module, known);
  };
  for (const module of [...created, ...removed]) note(module);
  for (const { module, before, after } of pairs) {
    for (const path of differingPaths(before, after)) {
      const [first, name, ...rest] = path;
      if (module === EDGE_AGENT && first === 'modules' && name !== undefined)
        note(name, ['definition', ...rest].join('.'));
      else note(module, pathText(path));
    }
  }
  return [...paths]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([module, found]) => ({
      module,
      change: created.has(module) ? 'added' : removed.has(module) ? 'removed' : 'changed',
      paths: [...found].sort(),
    }));
}

/** The innermost paths at which two sections differ; a whole object that comes or goes is one path. */
export function differingPaths(before: JsonObject, after: JsonObject): DesiredPath[] {
  const found: DesiredPath[] = [];
  const compare = (a: Json | undefined, b: Json | undefined, path: DesiredPath) => {
    if (jsonEqual(a, b)) return;
    if (!isJsonObject(a) || !isJsonObject(b)) found.push(path);
    else
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
        compare(own(a, key), own(b, key), [...path, key]);
  };
  compare(before, after, []);
  return found;
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

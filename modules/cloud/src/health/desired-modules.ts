// Which modules a deployment wants, by the names the node reports them under.

import type { JsonObject, ModulesContent } from '@wayside/protocol';

/** `$edgeAgent` and `$edgeHub` are reported under the names of their containers. */
export const AGENT_NAME = 'edgeAgent';
export const HUB_NAME = 'edgeHub';

export type DesiredModules = ReadonlyMap<string, 'running' | 'stopped'>;

/** Lenient: what cannot be read is not wanted; the deployment itself was checked when it was applied. */
export function desiredModules(content: ModulesContent): DesiredModules {
  const desired = objectAt(content.$edgeAgent ?? {}, 'properties.desired');
  const modules = new Map<string, 'running' | 'stopped'>();
  const system = objectAt(desired, 'systemModules');
  if (system[AGENT_NAME] !== undefined) modules.set(AGENT_NAME, 'running');
  if (system[HUB_NAME] !== undefined) modules.set(HUB_NAME, statusOf(objectAt(system, HUB_NAME)));
  const own = objectAt(desired, 'modules');
  for (const name of Object.keys(own).sort()) modules.set(name, statusOf(objectAt(own, name)));
  return modules;
}

function statusOf(module: JsonObject): 'running' | 'stopped' {
  return String(module.status).toLowerCase() === 'stopped' ? 'stopped' : 'running';
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

// Deploys a base manifest to one device, all or nothing: modules made and removed, desired sections replaced where they differ,
// $edgeAgent written last so that an agent that acts at once finds finished twins (cloud.md 2.12).

import type { Clock } from '@wayside/kit';
import {
  checkManifest,
  type Json,
  type JsonObject,
  jsonEqual,
  type ModulesContent,
  mergePatch,
} from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { EDGE_AGENT, EDGE_HUB, SYSTEM_MODULES } from '../identity/identity-id.ts';
import {
  deleteIdentityRows,
  insertModule,
  MANAGED_BY_EDGE,
  readModules,
  requireIdentity,
} from '../identity/identity-rows.ts';
import type { Registry } from '../identity/registry.ts';
import type { Actor } from '../platform.ts';
import type { Db } from '../store/tables.ts';
import { type ChangedTwin, changeTwin, readTwin, requireTwin } from '../twins/twin-rows.ts';
import type { TwinService } from '../twins/twin-service.ts';

/** Key of a module's whole desired section in modulesContent. */
const DESIRED_KEY = 'properties.desired';
/** Problems named in the message; the details hold them all. */
const PROBLEMS_SHOWN_MAX = 5;

export interface DeploymentParts {
  db: Db;
  clock: Clock;
  registry: Registry;
  twins: TwinService;
}

export interface AppliedContent {
  /** $version of $edgeAgent's desired properties. */
  desiredVersion: number;
  /** Every module the content names, in order of name. */
  modules: string[];
}

/** CLOUD_MANIFEST_INVALID, CLOUD_DEVICE_NOT_FOUND, CLOUD_NOT_EDGE_DEVICE, CLOUD_MODULE_LIMIT; then nothing was changed. */
export async function applyContent(
  parts: DeploymentParts,
  deviceId: string,
  content: ModulesContent,
  by: Actor = '',
): Promise<AppliedContent> {
  requireManifest(content);
  const nowMs = parts.clock.nowMs();
  const names = moduleNames(content);
  const done = await parts.db.transaction().execute(async (trx) => {
    await requireEdgeDevice(trx, deviceId);
    const { created, removed } = await settleModules(trx, deviceId, names, nowMs);
    const changed = await settleDesired(trx, deviceId, content, nowMs);
    const agent = await requireTwin(trx, deviceId, EDGE_AGENT);
    return { created, removed, changed, desiredVersion: agent.desiredVersion };
  });
  for (const moduleId of done.created) parts.registry.tell(deviceId, moduleId, 'created');
  for (const moduleId of done.removed) parts.registry.tell(deviceId, moduleId, 'deleted');
  for (const change of done.changed) parts.twins.tellDesired(change, by);
  return { desiredVersion: done.desiredVersion, modules: names };
}

/** The content as it stands in the twins now; {} when nothing was deployed. */
export async function readContent(db: Db, deviceId: string): Promise<ModulesContent> {
  await requireIdentity(db, deviceId);
  const content: ModulesContent = {};
  for (const { module_id: moduleId } of await readModules(db, deviceId)) {
    const desired = (await readTwin(db, deviceId, moduleId))?.desired ?? {};
    if (Object.keys(desired).length > 0) content[moduleId] = { [DESIRED_KEY]: desired };
  }
  return content[EDGE_AGENT] ? content : {};
}

function requireManifest(content: ModulesContent): void {
  const problems = checkManifest(content);
  if (problems.length === 0) return;
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map((p) => `${p.path}: ${p.message}`);
  const rest = problems.length - shown.length;
  throw refusal(
    'CLOUD_MANIFEST_INVALID',
    `Cannot deploy the manifest, it has ${problems.length} problem(s): ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`,
    { problems: problems.map((p) => ({ path: p.path, message: p.message })) },
  );
}

async function requireEdgeDevice(trx: Db, deviceId: string): Promise<void> {
  const device = await requireIdentity(trx, deviceId);
  if (device.iot_edge === 1) return;
  throw refusal(
    'CLOUD_NOT_EDGE_DEVICE',
    `Cannot deploy modules to device "${deviceId}": capabilities.iotEdge is false, wanted true`,
  );
}

/** Modules with a section of their own, and those that $edgeAgent is to run. */
function moduleNames(content: ModulesContent): string[] {
  const names = new Set<string>([...SYSTEM_MODULES, ...Object.keys(content)]);
  const agent = content[EDGE_AGENT]?.[DESIRED_KEY];
  const modules = isObject(agent) ? agent.modules : undefined;
  if (isObject(modules)) for (const name of Object.keys(modules)) names.add(name);
  return [...names].sort();
}

async function settleModules(trx: Db, deviceId: string, names: string[], nowMs: number) {
  const present = await readModules(trx, deviceId);
  const removed = present
    .filter((row) => row.managed_by === MANAGED_BY_EDGE)
    .map((row) => row.module_id)
    .filter((moduleId) => !names.includes(moduleId) && !SYSTEM_MODULES.includes(moduleId));
  // Removed first: a device at its module limit can still swap one module for another.
  for (const moduleId of removed) await deleteIdentityRows(trx, deviceId, moduleId);
  const created = names.filter((name) => !present.some((row) => row.module_id === name));
  for (const moduleId of created) {
    await insertModule(trx, deviceId, moduleId, { managedBy: MANAGED_BY_EDGE }, nowMs);
  }
  return { created, removed };
}

async function settleDesired(
  trx: Db,
  deviceId: string,
  content: ModulesContent,
  nowMs: number,
): Promise<ChangedTwin[]> {
  const last = [EDGE_HUB, EDGE_AGENT].filter((name) => content[name]);
  const order = [...Object.keys(content).filter((name) => !last.includes(name)), ...last];
  const changed: ChangedTwin[] = [];
  for (const moduleId of order) {
    const desired = content[moduleId]?.[DESIRED_KEY];
    if (!isObject(desired)) continue;
    const twin = await requireTwin(trx, deviceId, moduleId);
    // A needless new version would make "reported successful" false until the agent answers again.
    // Nulls of the manifest are no values: the twin does not hold them.
    if (jsonEqual(twin.desired, mergePatch({}, desired))) continue;
    changed.push(await changeTwin(trx, twin, { desiredInstead: desired }, '*', nowMs));
  }
  return changed;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

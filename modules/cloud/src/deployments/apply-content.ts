// Deploys a base manifest to one device, all or nothing (cloud.md 2.6). It is a write, not a rule: a configuration that targets the device
// takes over at the next evaluation, which is due in the same commit. One made from the fields of a cache node stays underneath as the lowest base.

import type { Clock } from '@wayside/kit';
import { checkManifest, jsonEqual, type ModulesContent } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { EDGE_AGENT, SYSTEM_MODULES } from '../identity/identity-id.ts';
import { readModules, requireIdentity } from '../identity/identity-rows.ts';
import type { Actor, AppliedContent } from '../platform.ts';
import type { Db } from '../store/tables.ts';
import { readTwin, requireTwin } from '../twins/twin-rows.ts';
import { listDeployments, type PastDeployment } from './deployment-history.ts';
import { DESIRED_KEY } from './desired-path.ts';
import { type DeviceState, readDeviceStates } from './device-state.ts';
import { markDue } from './evaluation-queue.ts';
import type { Evaluator } from './evaluator.ts';
import { composeContent, namedModules } from './layered-content.ts';
import type { EffectiveDeployment } from './plan-device.ts';
import { saveDeployed } from './write-plan.ts';

/** Problems named in the message; the details hold them all. */
const PROBLEMS_SHOWN_MAX = 5;

export interface DeploymentParts {
  db: Db;
  clock: Clock;
  evaluator: Evaluator;
}

export interface ApplyOptions {
  by?: Actor;
  /** The content was made from the fields of a cache node: layers lie on it, and it comes back when no configuration is the base. */
  followsFields?: boolean;
  /** How the history names it. */
  origin?: 'device' | 'restore';
}

/** CLOUD_MANIFEST_INVALID, CLOUD_DEVICE_NOT_FOUND, CLOUD_NOT_EDGE_DEVICE, CLOUD_MODULE_LIMIT; then nothing was changed. */
export async function applyContent(
  { db, clock, evaluator }: DeploymentParts,
  deviceId: string,
  content: ModulesContent,
  { by = '', followsFields = false, origin = 'device' }: ApplyOptions = {},
): Promise<AppliedContent> {
  requireManifest(content);
  // Whoever deploys is the cause, however new the configurations are.
  const whoDeploys = () => ({ by, atMs: Number.POSITIVE_INFINITY });
  const done = await db.transaction().execute(async (trx) => {
    await requireEdgeDevice(trx, deviceId);
    const state = await requireState(trx, deviceId);
    const { deployed } = state;
    // The same content again is not somebody's own: `wayside manifest NODE | wayside deploy NODE` keeps following.
    const follows = followsFields || (deployed.followsFields && jsonEqual(deployed.own, content));
    state.deployed = { ...deployed, own: content, followsFields: follows };
    const nowMs = clock.nowMs();
    await saveDeployed(trx, deviceId, state.deployed, nowMs);
    const own: EffectiveDeployment = { origin, base: null, layers: [], composed: composeContent(content, []) };
    const written = await evaluator.evaluate(trx, [state], whoDeploys, follows ? undefined : own);
    await markDue(trx, [deviceId], by, nowMs);
    return { written, desiredVersion: (await requireTwin(trx, deviceId, EDGE_AGENT)).desiredVersion };
  });
  evaluator.tell(done.written);
  evaluator.wake();
  return {
    desiredVersion: done.desiredVersion,
    modules: [...new Set([...SYSTEM_MODULES, ...namedModules(content)])].sort(),
  };
}

/** Makes an earlier deployment of the device its own again. CLOUD_DEPLOYMENT_NOT_FOUND, CLOUD_DEPLOYMENT_TARGETED and those of applyContent. */
export async function restoreDeployment(
  parts: DeploymentParts,
  deviceId: string,
  seq: number,
  by: Actor,
): Promise<AppliedContent> {
  const { content } = await findDeployment(parts.db, deviceId, seq);
  const base = parts.evaluator.baseFor(
    await requireState(parts.db, deviceId),
    await parts.evaluator.book.read(parts.db),
  );
  if (base !== undefined) {
    throw refusal(
      'CLOUD_DEPLOYMENT_TARGETED',
      `Cannot restore deployment ${seq} of ${deviceId}: configuration "${base}" targets it and would take over at once`,
    );
  }
  return applyContent(parts, deviceId, content, { by, origin: 'restore' });
}

/** CLOUD_DEPLOYMENT_NOT_FOUND, CLOUD_DEVICE_NOT_FOUND. */
export async function findDeployment(db: Db, deviceId: string, seq: number): Promise<PastDeployment> {
  await requireIdentity(db, deviceId);
  const found = (await listDeployments(db, deviceId)).find((past) => past.seq === seq);
  if (found) return found;
  throw refusal('CLOUD_DEPLOYMENT_NOT_FOUND', `There is no deployment ${seq} in the history of ${deviceId}`);
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

async function requireState(db: Db, deviceId: string): Promise<DeviceState> {
  const [state] = await readDeviceStates(db, [deviceId]);
  if (state) return state;
  throw refusal('CLOUD_DEVICE_NOT_FOUND', `No device "${deviceId}" in the registry`);
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

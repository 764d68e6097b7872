// Carries out the plan for one device in the caller's transaction: only what differs is written, so an evaluation that finds nothing to do
// raises no version.

import { type JsonObject, jsonEqual } from '@wayside/protocol';
import { EDGE_AGENT } from '../identity/identity-id.ts';
import type { Actor } from '../platform.ts';
import type { Db } from '../store/tables.ts';
import { type ChangedTwin, changeTwin, requireTwin } from '../twins/twin-rows.ts';
import { addDeployment } from './deployment-history.ts';
import { changeModules } from './device-modules.ts';
import { type Configured, type Deployed, type DeviceState, NOTHING, type TargetRow } from './device-state.ts';
import type { DevicePlan } from './plan-device.ts';
import type { DeploymentOrigin } from './tables.ts';

/** What is to be told after the commit. */
export interface WrittenPlan {
  deviceId: string;
  by: Actor;
  created: string[];
  removed: string[];
  changed: ChangedTwin[];
}

export async function writePlan(
  trx: Db,
  state: DeviceState,
  plan: DevicePlan,
  { by, nowMs }: { by: Actor; nowMs: number },
): Promise<WrittenPlan> {
  const { deviceId } = state;
  await changeModules(trx, deviceId, plan, nowMs);
  const changed: ChangedTwin[] = [];
  for (const { moduleId, desired } of plan.writes) {
    const twin = twinOf(state, moduleId)?.twin ?? (await requireTwin(trx, deviceId, moduleId));
    changed.push(await changeTwin(trx, twin, { desiredInstead: desired }, '*', nowMs));
  }
  await writeStatuses(trx, state, plan);
  await writeTargets(trx, state, plan);
  await writeConfigured(trx, state, plan.configured, plan.remove);
  const agent = changed.find(({ twin }) => twin.moduleId === EDGE_AGENT)?.twin ?? state.modules.get(EDGE_AGENT)?.twin;
  await writeDeployed(trx, state, plan, { by, nowMs, desiredVersion: agent?.desiredVersion ?? 0 });
  return { deviceId, by, created: plan.create, removed: plan.remove, changed };
}

/** `configurations` of the twins: the whole device's on its own, edge deployments on $edgeAgent too, module settings on theirs. */
async function writeStatuses(trx: Db, state: DeviceState, plan: DevicePlan): Promise<void> {
  for (const { moduleId, twin } of [state.device, ...state.modules.values()]) {
    if (plan.remove.includes(moduleId)) continue;
    const statuses: JsonObject = plan.statuses.get(moduleId) ?? {};
    if (jsonEqual(statuses, twin.configurations)) continue;
    await trx
      .updateTable('twin')
      .set((of) => ({ configurations: JSON.stringify(statuses), version: of('version', '+', 1) }))
      .where('device_id', '=', state.deviceId)
      .where('module_id', '=', moduleId)
      .execute();
  }
}

async function writeTargets(trx: Db, state: DeviceState, plan: DevicePlan): Promise<void> {
  const before = new Map(state.targets.map((row) => [keyOf(row), row]));
  const after = new Map(plan.targets.map((row) => [keyOf(row), row]));
  for (const [key, row] of before) {
    if (!after.has(key)) {
      await trx
        .deleteFrom('configuration_target')
        .where('device_id', '=', state.deviceId)
        .where('configuration_id', '=', row.configuration_id)
        .where('module_id', '=', row.module_id)
        .execute();
    }
  }
  for (const [key, row] of after) {
    const known = before.get(key);
    const { status, outcome } = row;
    if (known?.status === status && known.outcome === outcome) continue;
    await trx
      .insertInto('configuration_target')
      .values({ ...row, device_id: state.deviceId })
      .onConflict((conflict) =>
        conflict.columns(['configuration_id', 'device_id', 'module_id']).doUpdateSet({ status, outcome }),
      )
      .execute();
  }
}

async function writeConfigured(
  trx: Db,
  state: DeviceState,
  after: Map<string, Configured>,
  removed: readonly string[],
): Promise<void> {
  for (const [moduleId, wrote] of after) {
    if (removed.includes(moduleId) || jsonEqual(wrote, twinOf(state, moduleId)?.configured ?? NOTHING)) continue;
    const row = { has_section: wrote.hasSection ? 1 : 0, paths: JSON.stringify(wrote.paths) } as const;
    await trx
      .insertInto('configured_twin')
      .values({ device_id: state.deviceId, module_id: moduleId, ...row })
      .onConflict((conflict) => conflict.columns(['device_id', 'module_id']).doUpdateSet(row))
      .execute();
  }
}

async function writeDeployed(
  trx: Db,
  state: DeviceState,
  plan: DevicePlan,
  { by, nowMs, desiredVersion }: { by: Actor; nowMs: number; desiredVersion: number },
): Promise<void> {
  const { deployed, deviceId } = state;
  const { effective, problem } = plan;
  if (!effective || problem !== null) {
    // What is in effect stays; only why nothing changes is new.
    if (problem !== deployed.problem) await saveDeployed(trx, deviceId, { ...deployed, problem }, nowMs);
    return;
  }
  const { origin, base: baseId, layers, composed } = effective;
  const next: Deployed = { ...deployed, origin, baseId, layers, contentHash: composed.hash, problem };
  if (isSameDeployment(deployed, next)) {
    if (deployed.problem !== null) await saveDeployed(trx, deviceId, next, nowMs);
    return;
  }
  await saveDeployed(trx, deviceId, next, nowMs);
  const { content } = composed;
  await addDeployment(trx, { deviceId, atMs: nowMs, by, origin, baseId, layers, desiredVersion, content });
}

function isSameDeployment(a: Deployed, b: Deployed): boolean {
  const facts = ({ origin, baseId, layers, contentHash }: Deployed) => [origin, baseId, layers, contentHash];
  return jsonEqual(facts(a), facts(b));
}

/** The row of a device: what is in effect on it and its own deployment. */
export async function saveDeployed(trx: Db, deviceId: string, deployed: Deployed, nowMs: number): Promise<void> {
  const row = {
    origin: deployed.origin satisfies DeploymentOrigin,
    base_id: deployed.baseId,
    layers: JSON.stringify(deployed.layers),
    content_hash: deployed.contentHash,
    problem: deployed.problem,
    changed_ms: nowMs,
    own_content: deployed.own === undefined ? null : JSON.stringify(deployed.own),
    follows_fields: deployed.followsFields ? 1 : 0,
  } as const;
  await trx
    .insertInto('device_deployment')
    .values({ device_id: deviceId, ...row })
    .onConflict((conflict) => conflict.column('device_id').doUpdateSet(row))
    .execute();
}

function twinOf(state: DeviceState, moduleId: string) {
  return moduleId === '' ? state.device : state.modules.get(moduleId);
}

function keyOf(row: TargetRow): string {
  return `${row.configuration_id}\n${row.module_id}`;
}

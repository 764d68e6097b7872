// What a change of the configurations would do, without doing it: which devices would change, and how. It plans with the same function as
// the evaluation, over the twins as they are now.

import type { Clock } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import type { Db } from '../store/tables.ts';
import { byPrecedence, type CompiledConfiguration } from './configuration.ts';
import { checkConfigurationId, readConfiguration } from './configuration-input.ts';
import { compileConfiguration } from './configuration-rows.ts';
import { type ModuleChange, planChanges } from './content-changes.ts';
import { type DeviceState, readDeviceStates } from './device-state.ts';
import type { Evaluator } from './evaluator.ts';
import { Composer } from './layered-content.ts';
import { planDevice } from './plan-device.ts';

/** Devices planned between two turns of the event loop. */
const BATCH_DEVICES = 20;
/** Devices described; the totals count them all. */
export const DRY_RUN_DEVICES_MAX = 1_000;

/** `put`: a configuration to create, or to change when its id is there. `remove`: one to delete. Neither: what is due as it is. */
export interface DryRunRequest {
  put?: { id: string; body: JsonObject };
  remove?: string;
}

export interface DeploymentView {
  /** Base configuration; null = none, or a deployment of the device's own. */
  base: string | null;
  layers: string[];
}

export interface DeviceForecast {
  deviceId: string;
  before: DeploymentView;
  after: DeploymentView;
  changes: ModuleChange[];
  /** Why it could not be applied; then nothing would change. */
  problem: string | null;
}

export interface DryRun {
  devices: number;
  /** The condition of the configuration in question holds for so many twins. */
  targeted: number;
  changed: number;
  problems: number;
  /** Those that would change or have a problem, by id, at most DRY_RUN_DEVICES_MAX. */
  forecasts: DeviceForecast[];
}

/** CLOUD_CONFIGURATION_INVALID, CLOUD_CONFIGURATION_NOT_FOUND, CLOUD_ARGUMENT_INVALID. `isVisible`: devices the caller may hear of. */
export async function dryRun(
  { db, clock, evaluator }: { db: Db; clock: Clock; evaluator: Evaluator },
  request: DryRunRequest,
  isVisible: (deviceId: string) => boolean = () => true,
): Promise<DryRun> {
  const before = await evaluator.book.read(db);
  const after = changedConfigurations(before, request, clock.nowMs());
  const id = request.put?.id ?? request.remove;
  const composers = { before: new Composer(), after: new Composer() };
  const result: DryRun = { devices: 0, targeted: 0, changed: 0, problems: 0, forecasts: [] };
  for (let last = ''; ; ) {
    const deviceIds = await nextDevices(db, last);
    for (const state of await readDeviceStates(db, deviceIds.filter(isVisible))) {
      const plan = planDevice(state, after, composers.after);
      result.devices += 1;
      result.targeted += plan.targets.filter((row) => row.configuration_id === id).length;
      const forecast: DeviceForecast = {
        deviceId: state.deviceId,
        before: viewOf(state, before, composers.before),
        after: viewOf(state, after, composers.after),
        changes: planChanges(state, plan),
        problem: plan.problem,
      };
      if (forecast.problem !== null) result.problems += 1;
      else if (forecast.changes.length > 0) result.changed += 1;
      else continue;
      if (result.forecasts.length < DRY_RUN_DEVICES_MAX) result.forecasts.push(forecast);
    }
    if (deviceIds.length < BATCH_DEVICES) return result;
    last = deviceIds.at(-1) ?? last;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function changedConfigurations(
  before: readonly CompiledConfiguration[],
  { put, remove }: DryRunRequest,
  nowMs: number,
): readonly CompiledConfiguration[] {
  if (remove !== undefined) {
    if (before.some(({ id }) => id === remove)) return before.filter(({ id }) => id !== remove);
    throw refusal('CLOUD_CONFIGURATION_NOT_FOUND', `There is no configuration "${remove}"`);
  }
  if (!put) return before;
  checkConfigurationId(put.id);
  const known = before.find(({ id }) => id === put.id);
  const input = readConfiguration(put.body, known);
  const made = compileConfiguration({
    ...{ etag: '', metricResults: {}, createdAtMs: nowMs, createdBy: '', updatedAtMs: nowMs, updatedBy: '' },
    ...known,
    ...input,
    id: put.id,
  });
  return [...before.filter(({ id }) => id !== put.id), made].sort(byPrecedence);
}

async function nextDevices(db: Db, after: string): Promise<string[]> {
  const rows = await db
    .selectFrom('identity')
    .select('device_id')
    .where('module_id', '=', '')
    .where('device_id', '>', after)
    .orderBy('device_id')
    .limit(BATCH_DEVICES)
    .execute();
  return rows.map((row) => row.device_id);
}

function viewOf(
  state: DeviceState,
  configurations: readonly CompiledConfiguration[],
  composer: Composer,
): DeploymentView {
  const effective = planDevice(state, configurations, composer).effective;
  return { base: effective?.base ?? null, layers: effective?.layers ?? [] };
}

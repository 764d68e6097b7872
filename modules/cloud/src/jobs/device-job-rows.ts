// What a job does to each of its devices, as rows: listed before the first one begins, each written before and after it is worked on.

import type { JsonObject } from '@wayside/protocol';
import type { Selectable } from 'kysely';
import type { DeviceJobTable, JobDb } from './tables.ts';

export type DeviceJobRow = Selectable<DeviceJobTable>;

/** `outcome` = {deviceMethodResponse}, `error` = {code, description}. */
export interface DeviceJobEnd {
  status: 'completed' | 'failed';
  outcome?: JsonObject;
  error?: JsonObject;
}

export interface Target {
  deviceId: string;
  moduleId: string;
}

/** Targets that are listed already stay as they are: a listing that was cut off is begun anew. */
export async function insertTargets(
  db: JobDb,
  jobId: string,
  targets: readonly Target[],
  nowMs: number,
): Promise<void> {
  if (targets.length === 0) return;
  await db
    .insertInto('device_job')
    .values(
      targets.map(({ deviceId, moduleId }) => ({
        job_id: jobId,
        device_id: deviceId,
        module_id: moduleId,
        status: 'pending' as const,
        created_ms: nowMs,
        start_ms: null,
        end_ms: null,
        updated_ms: nowMs,
        outcome: null,
        error: null,
      })),
    )
    .onConflict((conflict) => conflict.columns(['job_id', 'device_id', 'module_id']).doNothing())
    .execute();
}

export async function readPending(db: JobDb, jobId: string, after: Target, rowsMax: number): Promise<Target[]> {
  const { deviceId, moduleId } = after;
  const rows = await db
    .selectFrom('device_job')
    .select(['device_id', 'module_id'])
    .where('job_id', '=', jobId)
    .where('status', '=', 'pending')
    .where((of) =>
      of.or([of('device_id', '>', deviceId), of.and([of('device_id', '=', deviceId), of('module_id', '>', moduleId)])]),
    )
    .orderBy('device_id')
    .orderBy('module_id')
    .limit(rowsMax)
    .execute();
  return rows.map((row) => ({ deviceId: row.device_id, moduleId: row.module_id }));
}

/** pending -> running. false when it is no longer pending: cancelled, or another runner has it. */
export async function beginDeviceJob(db: JobDb, jobId: string, target: Target, nowMs: number): Promise<boolean> {
  const begun = await db
    .updateTable('device_job')
    .set({ status: 'running', start_ms: nowMs, updated_ms: nowMs })
    .where('job_id', '=', jobId)
    .where('device_id', '=', target.deviceId)
    .where('module_id', '=', target.moduleId)
    .where('status', '=', 'pending')
    .returning('job_id')
    .executeTakeFirst();
  return begun !== undefined;
}

export async function endDeviceJob(
  db: JobDb,
  jobId: string,
  target: Target,
  end: DeviceJobEnd,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('device_job')
    .set({
      status: end.status,
      end_ms: nowMs,
      updated_ms: nowMs,
      outcome: end.outcome ? JSON.stringify(end.outcome) : null,
      error: end.error ? JSON.stringify(end.error) : null,
    })
    .where('job_id', '=', jobId)
    .where('device_id', '=', target.deviceId)
    .where('module_id', '=', target.moduleId)
    .where('status', '=', 'running')
    .execute();
}

/** Fails every device job of that status: `pending` when the time is up, `running` when the runner before this one was cut off. */
export async function failDeviceJobs(
  db: JobDb,
  jobId: string,
  status: 'pending' | 'running',
  error: JsonObject,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('device_job')
    .set({ status: 'failed', end_ms: nowMs, updated_ms: nowMs, error: JSON.stringify(error) })
    .where('job_id', '=', jobId)
    .where('status', '=', status)
    .execute();
}

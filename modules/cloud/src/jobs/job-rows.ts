// Jobs and their device jobs in the store. A job belongs to the replica whose lease runs; every write of a runner names itself, so one
// that lost its lease changes nothing.

import { type Selectable, sql } from 'kysely';
import { refusal } from '../errors.ts';
import type { NewJob } from './job-input.ts';
import {
  ENDED_JOB_STATUSES,
  type JobDb,
  type JobStatus,
  type JobTable,
  type JobType,
  OPEN_JOB_STATUSES,
} from './tables.ts';

export type JobRow = Selectable<JobTable>;

/** Jobs that have not ended, over the whole hub. */
const OPEN_JOBS_MAX = 1_000;

export interface JobStatistics {
  deviceCount: number;
  failedCount: number;
  succeededCount: number;
  runningCount: number;
  pendingCount: number;
}

/** Throws CLOUD_JOB_EXISTS, CLOUD_JOB_LIMIT. */
export async function insertJob(db: JobDb, job: NewJob, by: string, nowMs: number): Promise<JobRow> {
  if (await readJob(db, job.jobId)) {
    throw refusal('CLOUD_JOB_EXISTS', `Job "${job.jobId}" exists already: an id is taken once`);
  }
  const { open } = await db
    .selectFrom('job')
    .select((of) => of.fn.countAll<number>().as('open'))
    .where('status', 'in', OPEN_JOB_STATUSES)
    .executeTakeFirstOrThrow();
  if (Number(open) >= OPEN_JOBS_MAX) {
    throw refusal(
      'CLOUD_JOB_LIMIT',
      `Cannot schedule job "${job.jobId}": ${open} jobs have not ended, at most ${OPEN_JOBS_MAX} are allowed`,
    );
  }
  return await db
    .insertInto('job')
    .values({
      job_id: job.jobId,
      type: job.type,
      query_condition: job.queryCondition,
      action: JSON.stringify(job.action),
      created_by: by,
      created_ms: nowMs,
      start_ms: job.startMs,
      end_ms: null,
      execution_secs_max: job.executionSecsMax,
      status: job.startMs > nowMs ? 'scheduled' : 'queued',
      failure_reason: null,
      targets_listed: 0,
      runner: null,
      lease_until_ms: 0,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function readJob(db: JobDb, jobId: string): Promise<JobRow | undefined> {
  return await db.selectFrom('job').selectAll().where('job_id', '=', jobId).executeTakeFirst();
}

/** Throws CLOUD_JOB_NOT_FOUND. */
export async function requireJob(db: JobDb, jobId: string): Promise<JobRow> {
  const job = await readJob(db, jobId);
  if (job) return job;
  throw refusal('CLOUD_JOB_NOT_FOUND', `No job "${jobId}" on this hub`);
}

/** Newest first, behind `after`. */
export async function listJobs(
  db: JobDb,
  filter: { type?: JobType; status?: JobStatus },
  after: { createdMs: number; jobId: string } | undefined,
  rowsMax: number,
): Promise<JobRow[]> {
  let query = db.selectFrom('job').selectAll();
  if (filter.type) query = query.where('type', '=', filter.type);
  if (filter.status) query = query.where('status', '=', filter.status);
  if (after) {
    const { createdMs, jobId } = after;
    query = query.where((of) =>
      of.or([of('created_ms', '<', createdMs), of.and([of('created_ms', '=', createdMs), of('job_id', '>', jobId)])]),
    );
  }
  return await query.orderBy('created_ms', 'desc').orderBy('job_id').limit(rowsMax).execute();
}

export async function readStatistics(db: JobDb, jobIds: readonly string[]): Promise<Map<string, JobStatistics>> {
  const byJob = new Map(
    jobIds.map((jobId): [string, JobStatistics] => [
      jobId,
      { deviceCount: 0, failedCount: 0, succeededCount: 0, runningCount: 0, pendingCount: 0 },
    ]),
  );
  if (jobIds.length === 0) return byJob;
  const counts = await db
    .selectFrom('device_job')
    .select(['job_id', 'status', (of) => of.fn.countAll<number>().as('devices')])
    .where('job_id', 'in', [...jobIds])
    .groupBy(['job_id', 'status'])
    .execute();
  for (const { job_id, status, devices } of counts) {
    const statistics = byJob.get(job_id)!;
    const count = Number(devices);
    statistics.deviceCount += count;
    if (status === 'completed') statistics.succeededCount += count;
    if (status === 'failed') statistics.failedCount += count;
    if (status === 'running') statistics.runningCount += count;
    if (status === 'pending') statistics.pendingCount += count;
  }
  return byJob;
}

/** Takes up to `jobsMax` jobs whose time has come and whom nobody runs. */
export async function claimJobs(
  db: JobDb,
  runner: string,
  at: { nowMs: number; leaseUntilMs: number },
  jobsMax: number,
): Promise<JobRow[]> {
  const due = await db
    .selectFrom('job')
    .select(['job_id', 'status', 'start_ms'])
    .where('status', 'in', OPEN_JOB_STATUSES)
    .where('start_ms', '<=', at.nowMs)
    .where('lease_until_ms', '<=', at.nowMs)
    .orderBy('start_ms')
    .orderBy('job_id')
    .limit(jobsMax)
    .execute();
  const claimed: JobRow[] = [];
  for (const { job_id, status, start_ms } of due) {
    const job = await db
      .updateTable('job')
      .set({
        status: 'running',
        runner,
        lease_until_ms: at.leaseUntilMs,
        // The time it may take counts from its real beginning, which may be late.
        start_ms: status === 'running' ? start_ms : at.nowMs,
      })
      .where('job_id', '=', job_id)
      .where('status', 'in', OPEN_JOB_STATUSES)
      .where('lease_until_ms', '<=', at.nowMs)
      .returningAll()
      .executeTakeFirst();
    if (job) claimed.push(job);
  }
  return claimed;
}

/** Ids of the jobs that are still this runner's, with their leases prolonged. */
export async function renewLeases(db: JobDb, runner: string, leaseUntilMs: number): Promise<Set<string>> {
  const rows = await db
    .updateTable('job')
    .set({ lease_until_ms: leaseUntilMs })
    .where('runner', '=', runner)
    .where('status', '=', 'running')
    .returning('job_id')
    .execute();
  return new Set(rows.map((row) => row.job_id));
}

/** Gives jobs back, so that another replica or the next start takes them at once. */
export async function dropLeases(db: JobDb, runner: string): Promise<void> {
  await db.updateTable('job').set({ lease_until_ms: 0, runner: null }).where('runner', '=', runner).execute();
}

/** The only process on this store has just started: whoever held a lease is gone. */
export async function dropAllLeases(db: JobDb): Promise<void> {
  await db.updateTable('job').set({ lease_until_ms: 0, runner: null }).where('lease_until_ms', '>', 0).execute();
}

/** false when the job is no longer this runner's. */
export async function endJob(
  db: JobDb,
  job: { jobId: string; runner: string },
  end: { status: 'completed' | 'failed'; reason: string | null; nowMs: number },
): Promise<boolean> {
  const ended = await db
    .updateTable('job')
    .set({ status: end.status, failure_reason: end.reason, end_ms: end.nowMs, lease_until_ms: 0 })
    .where('job_id', '=', job.jobId)
    .where('runner', '=', job.runner)
    .where('status', '=', 'running')
    .returning('job_id')
    .executeTakeFirst();
  return ended !== undefined;
}

/** Throws CLOUD_JOB_NOT_FOUND, CLOUD_JOB_ENDED; one that was cancelled before stays so. */
export async function cancelJob(db: JobDb, jobId: string, nowMs: number): Promise<JobRow> {
  const cancelled = await db
    .updateTable('job')
    .set({ status: 'cancelled', end_ms: nowMs, lease_until_ms: 0 })
    .where('job_id', '=', jobId)
    .where('status', 'in', OPEN_JOB_STATUSES)
    .returningAll()
    .executeTakeFirst();
  if (cancelled) {
    await db
      .updateTable('device_job')
      .set({ status: 'canceled', end_ms: nowMs, updated_ms: nowMs })
      .where('job_id', '=', jobId)
      .where('status', '=', 'pending')
      .execute();
    return cancelled;
  }
  const job = await requireJob(db, jobId);
  if (job.status === 'cancelled') return job;
  throw refusal('CLOUD_JOB_ENDED', `Cannot cancel job "${jobId}": it is ${job.status}`);
}

/** Milliseconds of the next start of a job that waits for its time. */
export async function nextStartMs(db: JobDb): Promise<number | undefined> {
  const row = await db
    .selectFrom('job')
    .select('start_ms')
    .where('status', '=', 'scheduled')
    .orderBy('start_ms')
    .limit(1)
    .executeTakeFirst();
  return row && Number(row.start_ms);
}

/** Removes jobs that ended before `beforeMs`, at most `jobsMax`; their device jobs go by foreign key. */
export async function pruneJobs(db: JobDb, beforeMs: number, jobsMax: number): Promise<number> {
  const old = db
    .selectFrom('job')
    .select('job_id')
    .where('status', 'in', ENDED_JOB_STATUSES)
    .where('end_ms', '<', beforeMs)
    .limit(jobsMax);
  const gone = await db.deleteFrom('job').where('job_id', 'in', old).returning(sql<number>`1`.as('one')).execute();
  return gone.length;
}

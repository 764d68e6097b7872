// Scheduled jobs: takes them, answers about them, and runs what is due, a bounded number at a time. Several replicas may share a store:
// a lease says who runs a job, and a job whose replica is gone is taken over when its lease ends.

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { describeError, type Logger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import type { Actor } from '../platform.ts';
import { engineOf } from '../store/engine.ts';
import { parseJob } from './job-input.ts';
import { jobJson } from './job-json.ts';
import {
  cancelJob,
  claimJobs,
  dropAllLeases,
  dropLeases,
  insertJob,
  type JobRow,
  listJobs,
  nextStartMs,
  pruneJobs,
  readStatistics,
  renewLeases,
  requireJob,
} from './job-rows.ts';
import { JobRun, type JobRunParts } from './job-run.ts';
import { type JobDb, type JobStatus, type JobType, jobTables } from './tables.ts';

/** Jobs that run at once on one replica (IoT Hub: 1 to 10). */
const RUNNING_MAX = 10;
const LEASE_MS = 30_000;
/** How often leases are prolonged and the store is asked for jobs of other replicas. */
const TICK_MS = 5_000;
/** A run that failed for a fault of the store is begun again after this. */
const RETRY_MS = 10_000;
/** Ended jobs are kept as long as IoT Hub keeps them. */
const KEPT_MS = 30 * 24 * 3_600_000;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_JOBS_MAX = 100;

export interface JobsParts extends JobRunParts {
  logger: Logger;
}

export interface JobsPage {
  jobs: JsonObject[];
  /** Place of the next page; undefined at the end. */
  next?: { createdMs: number; jobId: string };
}

export class Jobs {
  private readonly parts: JobsParts;
  private readonly db: JobDb;
  private readonly runner = randomUUID();
  private readonly running = new Map<string, { stop: AbortController; done: Promise<void> }>();
  private readonly stopping = new AbortController();
  private wake = Promise.withResolvers<void>();
  private loop: Promise<void> | undefined;
  private prunedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: JobsParts) {
    this.parts = parts;
    this.db = jobTables(parts.db);
  }

  /** CLOUD_ARGUMENT_INVALID, CLOUD_QUERY_INVALID, CLOUD_JOB_EXISTS, CLOUD_JOB_LIMIT. On disk when it resolves. */
  async schedule(jobId: string, body: JsonObject, by: Actor): Promise<JsonObject> {
    const { commits, clock } = this.parts;
    const nowMs = clock.nowMs();
    const job = parseJob(jobId, body, nowMs);
    const row = await commits.run((trx) => insertJob(jobTables(trx), job, by, nowMs));
    this.wake.resolve();
    return await this.json(row);
  }

  /** CLOUD_JOB_NOT_FOUND. */
  async get(jobId: string): Promise<JsonObject> {
    return await this.json(await requireJob(this.db, jobId));
  }

  /** Devices that are being worked on are finished, no other one is begun. CLOUD_JOB_NOT_FOUND, CLOUD_JOB_ENDED. */
  async cancel(jobId: string): Promise<JsonObject> {
    const { commits, clock } = this.parts;
    const row = await commits.run((trx) => cancelJob(jobTables(trx), jobId, clock.nowMs()));
    return await this.json(row);
  }

  /** Newest first. */
  async list(
    filter: { type?: JobType; status?: JobStatus },
    after: JobsPage['next'],
    rowsMax: number,
  ): Promise<JobsPage> {
    const rows = await listJobs(this.db, filter, after, rowsMax + 1);
    const shown = rows.slice(0, rowsMax);
    const statistics = await readStatistics(
      this.db,
      shown.map((row) => row.job_id),
    );
    const last = rows.length > rowsMax ? shown.at(-1) : undefined;
    return {
      jobs: shown.map((row) => jobJson(row, statistics.get(row.job_id)!)),
      ...(last ? { next: { createdMs: Number(last.created_ms), jobId: last.job_id } } : {}),
    };
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Jobs under way are left where they are; the next start goes on with them. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake.resolve();
    await this.loop;
    for (const { stop } of this.running.values()) stop.abort();
    await Promise.all([...this.running.values()].map(({ done }) => done));
    if (this.loop) await this.parts.commits.run((trx) => dropLeases(jobTables(trx), this.runner)).catch(this.log);
  }

  private async run(): Promise<void> {
    const { commits, db, clock } = this.parts;
    // A store in a file has one process: nobody else can hold a lease.
    if (engineOf(db) === 'sqlite') await commits.run((trx) => dropAllLeases(jobTables(trx))).catch(this.log);
    while (!this.stopping.signal.aborted) {
      this.wake = Promise.withResolvers();
      await this.tick().catch(this.log);
      const startMs = await nextStartMs(this.db).catch(() => undefined);
      const waitMs = Math.min(TICK_MS, Math.max(0, (startMs ?? Number.POSITIVE_INFINITY) - clock.nowMs()));
      const slept = new AbortController();
      const pause = clock.sleep(Math.max(1, waitMs), slept.signal).catch(() => undefined);
      await Promise.race([pause, this.wake.promise]);
      slept.abort();
    }
  }

  private async tick(): Promise<void> {
    const { commits, clock } = this.parts;
    const nowMs = clock.nowMs();
    const leaseUntilMs = nowMs + LEASE_MS;
    if (this.running.size > 0) {
      const mine = await commits.run((trx) => renewLeases(jobTables(trx), this.runner, leaseUntilMs));
      // Cancelled, or taken over while this replica was stuck.
      for (const [jobId, { stop }] of this.running) if (!mine.has(jobId)) stop.abort();
    }
    const places = RUNNING_MAX - this.running.size;
    if (places > 0) {
      const claimed = await commits.run((trx) =>
        claimJobs(jobTables(trx), this.runner, { nowMs, leaseUntilMs }, places),
      );
      for (const job of claimed) this.begin(job);
    }
    if (nowMs - this.prunedAtMs < PRUNE_EVERY_MS) return;
    const gone = await commits.run((trx) => pruneJobs(jobTables(trx), nowMs - KEPT_MS, PRUNE_JOBS_MAX));
    if (gone < PRUNE_JOBS_MAX) this.prunedAtMs = nowMs;
  }

  private begin(job: JobRow): void {
    const { logger, clock } = this.parts;
    const stop = new AbortController();
    // Each device that is worked on listens.
    setMaxListeners(0, stop.signal);
    const run = async () => {
      try {
        await new JobRun(this.parts, job, this.runner).run(stop.signal);
        logger.info('Job at its end', { job: job.job_id, wasStopped: stop.signal.aborted });
      } catch (error) {
        logger.error('A job failed and is begun again', { job: job.job_id, error: describeError(error) });
        await clock.sleep(RETRY_MS, stop.signal).catch(() => undefined);
        // Its lease is this runner's own: given back, the next tick takes it again.
        await this.parts.commits
          .run((trx) =>
            jobTables(trx)
              .updateTable('job')
              .set({ lease_until_ms: 0 })
              .where('job_id', '=', job.job_id)
              .where('runner', '=', this.runner)
              .execute(),
          )
          .catch(this.log);
      }
    };
    const done = run().finally(() => {
      this.running.delete(job.job_id);
      this.wake.resolve();
    });
    this.running.set(job.job_id, { stop, done });
  }

  private async json(row: JobRow): Promise<JsonObject> {
    const statistics = await readStatistics(this.db, [row.job_id]);
    return jobJson(row, statistics.get(row.job_id)!);
  }

  private readonly log = (error: unknown): void => {
    this.parts.logger.error('Scheduled jobs wait', { error: describeError(error) });
  };
}

// Runs one job: lists its targets, then works on them, a bounded number at a time, until all are done, the time is up or the job is taken away.
//
// INVARIANTS
// - A twin is changed in the commit that ends its device job: a run that was cut off changes no twin twice.
// - A method is called after its device job is written as running. What a run that was cut off left running is failed, not called again:
//   nobody knows whether the device did it.

import type { Clock } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { iotHubErrorForm } from '../iot-hub-errors.ts';
import type { Platform } from '../platform.ts';
import { parseCondition } from '../query/parse-query.ts';
import { twinDocuments } from '../query/query-source.ts';
import type { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { changeTwin, requireTwin } from '../twins/twin-rows.ts';
import type { TwinService } from '../twins/twin-service.ts';
import {
  beginDeviceJob,
  type DeviceJobEnd,
  endDeviceJob,
  failDeviceJobs,
  insertTargets,
  readPending,
  type Target,
} from './device-job-rows.ts';
import { readChange, readMethod } from './job-input.ts';
import { endJob, type JobRow } from './job-rows.ts';
import { jobTables } from './tables.ts';

/** Rows of one insert or one read. */
const TARGETS_PER_STEP = 100;
/** Devices of one job worked on at once: methods wait for devices, twins for the disk. */
const TARGETS_AT_ONCE = 20;
/** IoT Hub's shortest response timeout: a call begun at the very end of a job waits that long. */
const RESPONSE_SECS_MIN = 5;

export interface JobRunParts {
  db: Db;
  commits: CommitGroup;
  clock: Clock;
  twins: TwinService;
  invokeMethod: Platform['invokeMethod'];
}

export class JobRun {
  private readonly parts: JobRunParts;
  private readonly job: JobRow;
  private readonly runner: string;
  private readonly action: JsonObject;
  private readonly endsAtMs: number;

  constructor(parts: JobRunParts, job: JobRow, runner: string) {
    this.parts = parts;
    this.job = job;
    this.runner = runner;
    this.action = JSON.parse(job.action) as JsonObject;
    this.endsAtMs = Number(job.start_ms) + job.execution_secs_max * 1_000;
  }

  /** Resolves when the job has ended or `signal` was aborted: then it is not this runner's to end. */
  async run(signal: AbortSignal): Promise<void> {
    const interrupted = { code: 'JobInterrupted', description: 'The hub was restarted before the device answered' };
    await this.write((db) => failDeviceJobs(db, this.job.job_id, 'running', interrupted, this.nowMs()));
    if (this.job.targets_listed === 0) await this.listTargets(signal);
    const targets = this.pendingTargets(signal);
    await Promise.all(Array.from({ length: TARGETS_AT_ONCE }, () => this.work(targets, signal)));
    if (!signal.aborted) await this.end();
  }

  private async listTargets(signal: AbortSignal): Promise<void> {
    const { from, where } = parseCondition(this.job.query_condition);
    let step: Target[] = [];
    const store = async () => {
      const targets = step;
      step = [];
      await this.write((db) => insertTargets(db, this.job.job_id, targets, this.nowMs()));
    };
    for await (const { deviceId, moduleId } of twinDocuments(this.parts.db, from, where)) {
      if (signal.aborted) return;
      step.push({ deviceId, moduleId });
      if (step.length >= TARGETS_PER_STEP) await store();
    }
    await store();
    await this.write((db) =>
      db.updateTable('job').set({ targets_listed: 1 }).where('job_id', '=', this.job.job_id).execute(),
    );
  }

  private async *pendingTargets(signal: AbortSignal): AsyncGenerator<Target> {
    let after: Target = { deviceId: '', moduleId: '' };
    for (;;) {
      const targets = await readPending(jobTables(this.parts.db), this.job.job_id, after, TARGETS_PER_STEP);
      for (const target of targets) {
        if (signal.aborted || this.isTimeUp()) return;
        yield target;
      }
      if (targets.length < TARGETS_PER_STEP) return;
      after = targets.at(-1)!;
    }
  }

  // Many workers ask one generator: it hands every target out once.
  private async work(targets: AsyncGenerator<Target>, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { value: target, done } = await targets.next();
      if (done) return;
      if (this.job.type === 'scheduleUpdateTwin') await this.updateTwin(target);
      else await this.callMethod(target, signal);
    }
  }

  private async updateTwin(target: Target): Promise<void> {
    const { commits, twins } = this.parts;
    const nowMs = this.nowMs();
    const { job_id } = this.job;
    try {
      const changed = await commits.run(async (trx) => {
        const twin = await requireTwin(trx, target.deviceId, target.moduleId);
        // Cancelled meanwhile.
        if (!(await beginDeviceJob(jobTables(trx), job_id, target, nowMs))) return undefined;
        const after = await changeTwin(trx, twin, readChange(this.action), this.ifMatch(), nowMs);
        await endDeviceJob(jobTables(trx), job_id, target, { status: 'completed' }, nowMs);
        return after;
      });
      if (changed) twins.tellDesired(changed, this.job.created_by);
    } catch (error) {
      // The job's writes may be part of a group that was committed: it is running, or pending when it never began.
      await this.write(async (db) => {
        await beginDeviceJob(db, job_id, target, nowMs);
        await endDeviceJob(db, job_id, target, failure(error), nowMs);
      });
    }
  }

  private async callMethod(target: Target, signal: AbortSignal): Promise<void> {
    const { job_id } = this.job;
    if (!(await this.write((db) => beginDeviceJob(db, job_id, target, this.nowMs())))) return;
    const end = await beforeAbort(this.methodEnd(target), signal);
    // Cut off: the next run finds the row running.
    if (end) await this.write((db) => endDeviceJob(db, job_id, target, end, this.nowMs()));
  }

  private async methodEnd(target: Target): Promise<DeviceJobEnd> {
    const method = readMethod(this.action);
    const leftSecs = Math.ceil((this.endsAtMs - this.nowMs()) / 1_000);
    const responseSecs = Math.max(RESPONSE_SECS_MIN, leftSecs);
    try {
      const answer = await this.parts.invokeMethod(target.deviceId, target.moduleId || undefined, {
        ...method,
        ...(method.responseTimeoutSecs === undefined
          ? {}
          : { responseTimeoutSecs: Math.min(method.responseTimeoutSecs, responseSecs) }),
        ...(method.connectTimeoutSecs === undefined
          ? {}
          : { connectTimeoutSecs: Math.min(method.connectTimeoutSecs, Math.max(0, leftSecs)) }),
      });
      return { status: 'completed', outcome: { deviceMethodResponse: answer } };
    } catch (error) {
      return failure(error);
    }
  }

  private async end(): Promise<void> {
    const { job_id, execution_secs_max } = this.job;
    const nowMs = this.nowMs();
    const isTimeUp = this.isTimeUp();
    const reason = `The job took longer than maxExecutionTimeInSeconds, ${execution_secs_max}`;
    await this.write(async (db) => {
      const left = isTimeUp && (await readPending(db, job_id, { deviceId: '', moduleId: '' }, 1)).length > 0;
      const end = left ? { status: 'failed' as const, reason } : { status: 'completed' as const, reason: null };
      if (!(await endJob(db, { jobId: job_id, runner: this.runner }, { ...end, nowMs })) || !left) return;
      await failDeviceJobs(db, job_id, 'pending', { code: 'JobTimedOut', description: reason }, nowMs);
    });
  }

  /** An etag in updateTwin is a precondition on every twin. */
  private ifMatch(): string {
    const { etag } = this.action;
    return typeof etag === 'string' && etag !== '' ? etag : '*';
  }

  private write<T>(write: (db: ReturnType<typeof jobTables>) => Promise<T>): Promise<T> {
    return this.parts.commits.run((trx) => write(jobTables(trx)));
  }

  private isTimeUp(): boolean {
    return this.nowMs() >= this.endsAtMs;
  }

  private nowMs(): number {
    return this.parts.clock.nowMs();
  }
}

function failure(error: unknown): DeviceJobEnd {
  const { name, message } = iotHubErrorForm(error);
  return { status: 'failed', error: { code: name, description: message } };
}

/** undefined when the signal comes first. */
async function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let onAbort = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

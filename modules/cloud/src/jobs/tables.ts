// Tables of the scheduled jobs, as kysely sees them.

import type { Kysely } from 'kysely';
import type { Database, Db } from '../store/tables.ts';

export const JOB_TYPES = ['scheduleUpdateTwin', 'scheduleDeviceMethod'] as const;
export type JobType = (typeof JOB_TYPES)[number];

/** scheduled waits for its start time, queued for a free place; the last three are ends. */
export const JOB_STATUSES = ['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
export const OPEN_JOB_STATUSES = ['scheduled', 'queued', 'running'] as const satisfies JobStatus[];
export const ENDED_JOB_STATUSES = ['completed', 'failed', 'cancelled'] as const satisfies JobStatus[];

export type DeviceJobStatus = 'pending' | 'running' | 'completed' | 'failed' | 'canceled';

export interface JobTable {
  job_id: string;
  type: JobType;
  query_condition: string;
  /** JSON: updateTwin or cloudToDeviceMethod as it was sent. */
  action: string;
  created_by: string;
  created_ms: number;
  start_ms: number;
  end_ms: number | null;
  execution_secs_max: number;
  status: JobStatus;
  failure_reason: string | null;
  /** 1 when every target has its row in device_job. */
  targets_listed: 0 | 1;
  /** Replica that runs it, until the lease ends. */
  runner: string | null;
  lease_until_ms: number;
}

export interface DeviceJobTable {
  job_id: string;
  device_id: string;
  /** '' for a job over devices. */
  module_id: string;
  status: DeviceJobStatus;
  created_ms: number;
  start_ms: number | null;
  end_ms: number | null;
  updated_ms: number;
  /** JSON {deviceMethodResponse}. */
  outcome: string | null;
  /** JSON {code, description}. */
  error: string | null;
}

export interface JobDatabase extends Database {
  job: JobTable;
  device_job: DeviceJobTable;
}

export type JobDb = Kysely<JobDatabase>;

export function jobTables(db: Db): JobDb {
  return db.withTables<{ job: JobTable; device_job: DeviceJobTable }>() as unknown as JobDb;
}

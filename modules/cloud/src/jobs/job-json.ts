// Jobs and device jobs as IoT Hub's JSON (cloud.md 2.8).

import type { JsonObject } from '@wayside/protocol';
import type { DeviceJobRow } from './device-job-rows.ts';
import type { JobRow, JobStatistics } from './job-rows.ts';
import type { JobType } from './tables.ts';

export function jobJson(job: JobRow, statistics: JobStatistics): JsonObject {
  const action = JSON.parse(job.action) as JsonObject;
  return {
    jobId: job.job_id,
    queryCondition: job.query_condition,
    createdTime: timeOf(job.created_ms),
    startTime: timeOf(job.start_ms),
    ...(job.end_ms === null ? {} : { endTime: timeOf(job.end_ms) }),
    maxExecutionTimeInSeconds: job.execution_secs_max,
    type: job.type,
    ...(job.type === 'scheduleUpdateTwin' ? { updateTwin: action } : { cloudToDeviceMethod: action }),
    status: job.status,
    ...(job.failure_reason === null ? {} : { failureReason: job.failure_reason, statusMessage: job.failure_reason }),
    deviceJobStatistics: { ...statistics },
  };
}

/** A row of `SELECT * FROM devices.jobs`. */
export function deviceJobJson(row: DeviceJobRow, jobType: JobType): JsonObject {
  return {
    deviceId: row.device_id,
    ...(row.module_id === '' ? {} : { moduleId: row.module_id }),
    jobId: row.job_id,
    jobType,
    status: row.status,
    ...(row.start_ms === null ? {} : { startTimeUtc: timeOf(row.start_ms) }),
    ...(row.end_ms === null ? {} : { endTimeUtc: timeOf(row.end_ms) }),
    createdDateTimeUtc: timeOf(row.created_ms),
    lastUpdatedDateTimeUtc: timeOf(row.updated_ms),
    outcome: row.outcome === null ? { deviceMethodResponse: null } : (JSON.parse(row.outcome) as JsonObject),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as JsonObject }),
  };
}

function timeOf(atMs: number): string {
  return new Date(Number(atMs)).toISOString();
}

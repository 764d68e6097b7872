// A job as a back end schedules it (cloud.md 2.8): every field checked before anything is stored.

import type { JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { checkMethodRequest } from '../methods/method-calls.ts';
import type { MethodRequest } from '../platform.ts';
import { parseCondition } from '../query/parse-query.ts';
import { requireTwinSection } from '../twins/twin-limits.ts';
import type { TwinChange } from '../twins/twin-rows.ts';
import { JOB_TYPES, type JobType } from './tables.ts';

/** Ids of IoT Hub's jobs: 64 characters. */
const JOB_ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,64}$/;
const CONDITION_CHARS_MAX = 4_096;
const EXECUTION_SECS_DEFAULT = 3_600;
const EXECUTION_SECS_MAX = 30 * 24 * 3_600;
/** ISO 8601 with date and time; without a zone it is UTC, as IoT Hub writes its own times. */
const START_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,7})?)?(Z|[+-]\d{2}:\d{2})?$/;

export interface NewJob {
  jobId: string;
  type: JobType;
  queryCondition: string;
  /** updateTwin or cloudToDeviceMethod, as it was sent. */
  action: JsonObject;
  startMs: number;
  executionSecsMax: number;
}

/** Throws CLOUD_ARGUMENT_INVALID, CLOUD_QUERY_INVALID, CLOUD_TWIN_INVALID. */
export function parseJob(jobId: string, body: JsonObject, nowMs: number): NewJob {
  if (!JOB_ID.test(jobId) || jobId === 'query') {
    throw invalid('jobId', jobId, "1 to 64 of A-Z a-z 0-9 - : . + % _ # * ? ! ( ) , = @ ; $ ', and not query");
  }
  if (body.jobId !== undefined && body.jobId !== null && body.jobId !== jobId) {
    throw invalid('jobId', body.jobId, `"${jobId}" as in the path`);
  }
  const type = JOB_TYPES.find((known) => known === body.type);
  if (!type) throw invalid('type', body.type, JOB_TYPES.join(' or '));
  const { queryCondition } = body;
  if (typeof queryCondition !== 'string' || queryCondition.length > CONDITION_CHARS_MAX) {
    throw invalid('queryCondition', queryCondition, `a condition of at most ${CONDITION_CHARS_MAX} characters`);
  }
  const { from } = parseCondition(queryCondition);
  const action = actionOf(body, type === 'scheduleUpdateTwin' ? 'updateTwin' : 'cloudToDeviceMethod');
  if (type === 'scheduleUpdateTwin') checkChange(readChange(action), from);
  else checkMethodRequest(readMethod(action));
  return {
    ...{ jobId, type, queryCondition, action },
    startMs: startTime(body.startTime, nowMs),
    executionSecsMax: executionSecs(body.maxExecutionTimeInSeconds),
  };
}

/** What an update of twins merges: tags and desired properties, without what only the service writes. */
export function readChange(updateTwin: JsonObject): TwinChange {
  const tags = section(updateTwin, 'tags', 'updateTwin.tags');
  const properties = section(updateTwin, 'properties', 'updateTwin.properties');
  const desired = properties && section(properties, 'desired', 'updateTwin.properties.desired');
  return {
    ...(tags ? { tags: withoutReadOnly(tags) } : {}),
    ...(desired ? { desired: withoutReadOnly(desired) } : {}),
  };
}

export function readMethod(method: JsonObject): MethodRequest {
  // The SDK for jobs and the REST reference name the timeout differently.
  const response = method.responseTimeoutInSeconds ?? method.timeoutInSeconds ?? undefined;
  const connect = method.connectTimeoutInSeconds ?? undefined;
  return {
    methodName: method.methodName as string,
    ...(method.payload === undefined ? {} : { payload: method.payload }),
    ...(response === undefined ? {} : { responseTimeoutSecs: response as number }),
    ...(connect === undefined ? {} : { connectTimeoutSecs: connect as number }),
  };
}

function checkChange(change: TwinChange, from: 'devices' | 'modules'): void {
  if (!change.tags && !change.desired) {
    throw invalid('updateTwin', 'without tags and properties.desired', 'one of them at least');
  }
  if (change.tags && from === 'modules') throw invalid('updateTwin.tags', 'there', 'none: module twins have no tags');
  if (change.tags) requireTwinSection('tags', change.tags);
  if (change.desired) requireTwinSection('desired', change.desired);
}

function actionOf(body: JsonObject, name: string): JsonObject {
  const action = section(body, name, name);
  if (action) return action;
  throw invalid(name, body[name], 'a JSON object');
}

function section(object: JsonObject, name: string, path: string): JsonObject | undefined {
  const value = object[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  throw invalid(path, value, 'a JSON object');
}

function withoutReadOnly({ $version: _version, $metadata: _metadata, ...rest }: JsonObject): JsonObject {
  return rest;
}

function startTime(value: unknown, nowMs: number): number {
  if (value === undefined || value === null || value === '') return nowMs;
  if (typeof value === 'string' && START_TIME.test(value)) {
    const atMs = Date.parse(/(Z|[+-]\d{2}:\d{2})$/.test(value) ? value : `${value}Z`);
    if (Number.isFinite(atMs)) return atMs;
  }
  throw invalid('startTime', value, 'a time of ISO 8601, e.g. 2026-01-31T08:00:00Z');
}

function executionSecs(value: unknown): number {
  if (value === undefined || value === null) return EXECUTION_SECS_DEFAULT;
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= EXECUTION_SECS_MAX) return Number(value);
  throw invalid('maxExecutionTimeInSeconds', value, `a whole number from 1 to ${EXECUTION_SECS_MAX}`);
}

function invalid(name: string, current: unknown, wanted: string): Error {
  const shown = current === undefined ? 'missing' : JSON.stringify(current).slice(0, 200);
  return refusal('CLOUD_ARGUMENT_INVALID', `Cannot schedule a job: ${name} is ${shown}, wanted ${wanted}`);
}

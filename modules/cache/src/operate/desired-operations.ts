// The desired properties beside origins, cap and drain: what is logged, how slow a client may be, how fast is scrubbed, what is prefetched when.

import type { ConfigProblem } from '@wayside/kit';
import { type PrefetchRequest, parsePrefetch } from './prefetch/prefetch-request.ts';

/** null = as the environment has it. */
export interface DesiredOperations {
  /** Hits are served, what needs an origin gets 503. */
  readOnly: boolean;
  accessLog: { isOn: boolean | null; share: number | null; slowMs: number | null };
  clientBytesPerSecMin: number | null;
  connectionsMax: number | null;
  connectionsPerClientMax: number | null;
  /** Bytes a second read again from each drive in idle time; 0 = none. */
  scrubBytesPerSec: number | null;
  /** By the job's id. */
  prefetch: ReadonlyMap<string, PrefetchRequest>;
}

export const NO_OPERATIONS: DesiredOperations = {
  readOnly: false,
  accessLog: { isOn: null, share: null, slowMs: null },
  ...{ clientBytesPerSecMin: null, connectionsMax: null, connectionsPerClientMax: null, scrubBytesPerSec: null },
  prefetch: new Map(),
};

export const OPERATION_KEYS = [
  ...['readOnly', 'accessLog', 'clientBytesPerSecMin', 'connectionsMax', 'connectionsPerClientMax'],
  ...['scrubBytesPerSec', 'prefetch'],
] as const;

/** Prefetch jobs a twin may hold; its 32 KB end soon after. */
const PREFETCH_JOBS_MAX = 50;
const JOB_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** @param document of the twin; other keys are somebody else's */
export function parseOperations(document: Record<string, unknown>, problems: ConfigProblem[]): DesiredOperations {
  const number = (name: string, min: number, max: number): number | null => {
    const value = document[name] ?? null;
    if (value === null || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max))
      return value as number | null;
    problems.push({ path: name, message: `is ${JSON.stringify(value)}, wanted a whole number from ${min} to ${max}` });
    return null;
  };
  const { readOnly = null } = document;
  if (readOnly !== null && typeof readOnly !== 'boolean')
    problems.push({ path: 'readOnly', message: `is ${JSON.stringify(readOnly)}, wanted true or false` });
  return {
    readOnly: readOnly === true,
    accessLog: parseAccessLog(document.accessLog ?? null, problems),
    clientBytesPerSecMin: number('clientBytesPerSecMin', 0, 1_000_000),
    connectionsMax: number('connectionsMax', 1, 1_000_000),
    connectionsPerClientMax: number('connectionsPerClientMax', 1, 1_000_000),
    scrubBytesPerSec: number('scrubBytesPerSec', 0, 10_000_000_000),
    prefetch: parseJobs(document.prefetch ?? null, problems),
  };
}

function parseAccessLog(value: unknown, problems: ConfigProblem[]): DesiredOperations['accessLog'] {
  if (value === null) return NO_OPERATIONS.accessLog;
  if (typeof value !== 'object' || Array.isArray(value)) {
    problems.push({
      path: 'accessLog',
      message: `is ${JSON.stringify(value)}, wanted an object with on, share and slowMs`,
    });
    return NO_OPERATIONS.accessLog;
  }
  const { on = null, share = null, slowMs = null, ...rest } = value as Record<string, unknown>;
  for (const name of Object.keys(rest))
    problems.push({ path: `accessLog.${name}`, message: 'is unknown, wanted on, share or slowMs' });
  if (on !== null && typeof on !== 'boolean')
    problems.push({ path: 'accessLog.on', message: `is ${JSON.stringify(on)}, wanted true or false` });
  if (share !== null && !(typeof share === 'number' && share >= 0 && share <= 1))
    problems.push({ path: 'accessLog.share', message: `is ${JSON.stringify(share)}, wanted a number from 0 to 1` });
  if (slowMs !== null && !(Number.isInteger(slowMs) && (slowMs as number) >= 1))
    problems.push({
      path: 'accessLog.slowMs',
      message: `is ${JSON.stringify(slowMs)}, wanted whole milliseconds from 1`,
    });
  return { isOn: on as boolean | null, share: share as number | null, slowMs: slowMs as number | null };
}

function parseJobs(value: unknown, problems: ConfigProblem[]): Map<string, PrefetchRequest> {
  const jobs = new Map<string, PrefetchRequest>();
  if (value === null) return jobs;
  if (typeof value !== 'object' || Array.isArray(value)) {
    problems.push({ path: 'prefetch', message: `is ${JSON.stringify(value)}, wanted an object of jobs by id` });
    return jobs;
  }
  const entries = Object.entries(value).filter(([, job]) => job !== null);
  if (entries.length > PREFETCH_JOBS_MAX)
    problems.push({ path: 'prefetch', message: `has ${entries.length} jobs, wanted at most ${PREFETCH_JOBS_MAX}` });
  for (const [id, job] of entries) {
    if (!JOB_ID.test(id))
      problems.push({ path: `prefetch.${id}`, message: 'is no id, wanted letters, digits, _ and -' });
    const { request, problems: found } = parsePrefetch(job);
    problems.push(...found.map(({ path, message }) => ({ path: `prefetch.${id}.${path}`, message })));
    jobs.set(`twin-${id}`, request);
  }
  return jobs;
}

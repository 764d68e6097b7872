// /jobs/v2: jobs over many devices, scheduled, read, cancelled, listed; /jobs: the list of blob import and export (cloud.md 2.8).

import { Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { JOB_STATUSES, JOB_TYPES, type JobStatus } from '../jobs/tables.ts';
import { actorOf, authorize, forCaller } from './authorize.ts';
import { bodyObject, headerText, pathId, wholeNumber } from './request-fields.ts';

const PAGE_ROWS_MAX = 1_000;
const PAGE_ROWS_DEFAULT = 100;
/** Names of statuses that this hub has under another name. */
const OTHER_STATUSES: { readonly [name: string]: JobStatus } = { enqueued: 'queued', canceled: 'cancelled' };

export function jobRoutes({ jobs }: HubPlatform): Router {
  const router = Router();
  // `az iot hub job list` reads both lists. This hub makes no import or export jobs (POST /jobs/create is refused), so there are none.
  router.get('/jobs', authorize('readJobs'), (_request, response) => {
    response.json([]);
  });
  // Before /jobs/v2/:jobId, whose place this word takes.
  router.get('/jobs/v2/query', authorize('readJobs'), async (request, response) => {
    const rowsMax = wholeNumber('x-ms-max-item-count', headerText(request, 'x-ms-max-item-count'), {
      ...{ min: 1, max: PAGE_ROWS_MAX, fallback: PAGE_ROWS_DEFAULT },
    });
    const type = chosen('jobType', request.query.jobType, JOB_TYPES);
    const status = chosen('jobStatus', statusName(request.query.jobStatus), JOB_STATUSES);
    const after = readPlace(headerText(request, 'x-ms-continuation'));
    const page = await jobs.list({ ...(type ? { type } : {}), ...(status ? { status } : {}) }, after, rowsMax);
    response.setHeader('x-ms-item-type', 'JobResponse');
    if (page.next) response.setHeader('x-ms-continuation', writePlace(page.next));
    response.json(page.jobs.map(forCaller(request)));
  });
  router.put('/jobs/v2/:jobId', authorize('runJob'), async (request, response) => {
    response.json(await jobs.schedule(pathId(request, 'jobId'), bodyObject(request), actorOf(request)));
  });
  router.get('/jobs/v2/:jobId', authorize('readJobs'), async (request, response) => {
    response.json(forCaller(request)(await jobs.get(pathId(request, 'jobId'))));
  });
  router.post('/jobs/v2/:jobId/cancel', authorize('runJob'), async (request, response) => {
    response.json(await jobs.cancel(pathId(request, 'jobId')));
  });
  return router;
}

function statusName(value: unknown): unknown {
  const name = typeof value === 'string' ? value.toLowerCase() : undefined;
  return name !== undefined && Object.hasOwn(OTHER_STATUSES, name) ? OTHER_STATUSES[name] : value;
}

/** One of the names, whatever its case; undefined when the parameter is absent. */
function chosen<T extends string>(name: string, value: unknown, names: readonly T[]): T | undefined {
  if (value === undefined || value === '') return undefined;
  const found = typeof value === 'string' && names.find((known) => known.toLowerCase() === value.toLowerCase());
  if (found) return found;
  throw refusal(
    'CLOUD_ARGUMENT_INVALID',
    `Cannot list jobs: ${name} is ${JSON.stringify(value)}, wanted ${names.join(', ')}`,
  );
}

function writePlace({ createdMs, jobId }: { createdMs: number; jobId: string }): string {
  return Buffer.from(JSON.stringify([createdMs, jobId])).toString('base64url');
}

function readPlace(token: string | undefined): { createdMs: number; jobId: string } | undefined {
  if (token === undefined) return undefined;
  try {
    const [createdMs, jobId] = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as unknown[];
    if (Number.isSafeInteger(createdMs) && typeof jobId === 'string') return { createdMs: Number(createdMs), jobId };
  } catch {
    // Falls through: any other text is no token of ours.
  }
  throw refusal('CLOUD_ARGUMENT_INVALID', 'Cannot read x-ms-continuation: it is no token of this list');
}

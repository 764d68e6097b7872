// Jobs over a small store: what they do to each device, how many at once, when they begin and end, and what a restart leaves.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { openTestStore } from '../../test/store-under-test.ts';
import { refusal } from '../errors.ts';
import { insertDevice } from '../identity/identity-rows.ts';
import type { Platform } from '../platform.ts';
import { PlatformBus } from '../platform-events.ts';
import { parseQuery } from '../query/parse-query.ts';
import { readQueryPage } from '../query/query-pages.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { TwinService } from '../twins/twin-service.ts';
import { Jobs } from './jobs.ts';

/** A store on a server takes its time with the devices of each test. */
jest.setTimeout(60_000);

/** More than one step of targets. */
const DEVICES = 130;

let db: Db;
let commits: CommitGroup;
let clock: FakeClock;
let twins: TwinService;
let desired: string[];
let running: Jobs[];
let invoked: string[];
let answer: (deviceId: string) => Promise<{ status: number; payload: Json }>;

beforeEach(async () => {
  db = await openTestStore();
  commits = new CommitGroup(db);
  clock = new FakeClock();
  const bus = new PlatformBus(silentLogger);
  twins = new TwinService({ db, commits, clock, bus });
  desired = [];
  bus.on('desired', ({ deviceId, by }) => desired.push(`${deviceId} by ${by}`));
  await db.transaction().execute(async (trx) => {
    for (let n = 0; n < DEVICES; n += 1) await insertDevice(trx, `d${String(n).padStart(3, '0')}`, {}, clock.nowMs());
  });
  running = [];
  invoked = [];
  answer = async () => ({ status: 200, payload: null });
});
afterEach(async () => {
  await Promise.all(running.map((jobs) => jobs.stop()));
  await commits.idle();
  await db.destroy();
});

function startJobs(): Jobs {
  const invokeMethod: Platform['invokeMethod'] = async (deviceId) => {
    invoked.push(deviceId);
    return await answer(deviceId);
  };
  const jobs = new Jobs({ db, commits, clock, logger: silentLogger, twins, invokeMethod });
  jobs.start();
  running.push(jobs);
  return jobs;
}

async function settled(jobs: Jobs, jobId: string, is = /completed|failed|cancelled/): Promise<JsonObject> {
  for (;;) {
    const job = await jobs.get(jobId);
    if (is.test(String(job.status))) return job;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function deviceJobs(where: string): Promise<JsonObject[]> {
  return (await readQueryPage(db, parseQuery(`SELECT * FROM devices.jobs WHERE ${where}`), 1_000, undefined)).rows;
}

const twinJob = (more: JsonObject = {}): JsonObject => ({
  type: 'scheduleUpdateTwin',
  queryCondition: '*',
  updateTwin: { etag: '*', tags: { ring: 1 }, properties: { desired: { level: 2, $version: 7 } } },
  ...more,
});
const methodJob = (more: JsonObject = {}): JsonObject => ({
  type: 'scheduleDeviceMethod',
  queryCondition: "deviceId IN ['d001', 'd002', 'd003']",
  cloudToDeviceMethod: { methodName: 'reboot', payload: null, responseTimeoutInSeconds: 30 },
  ...more,
});

test('an update of twins reaches every target once, in one commit with its record', async () => {
  const jobs = startJobs();
  expect(await jobs.schedule('j', twinJob({ maxExecutionTimeInSeconds: 60 }), 'policy:service')).toMatchObject({
    ...{ jobId: 'j', type: 'scheduleUpdateTwin', status: 'queued', queryCondition: '*', maxExecutionTimeInSeconds: 60 },
    deviceJobStatistics: { deviceCount: 0 },
  });
  expect(await settled(jobs, 'j')).toMatchObject({
    status: 'completed',
    endTime: expect.any(String),
    deviceJobStatistics: { deviceCount: DEVICES, succeededCount: DEVICES, failedCount: 0, pendingCount: 0 },
  });
  const twin = await twins.get('d129');
  expect(twin).toMatchObject({ tags: { ring: 1 }, desired: { level: 2 }, desiredVersion: 2 });
  expect(desired).toHaveLength(DEVICES);
  expect(desired).toContain('d000 by policy:service');
  expect(await deviceJobs("jobId = 'j' AND deviceId = 'd007'")).toEqual([
    {
      ...{ deviceId: 'd007', jobId: 'j', jobType: 'scheduleUpdateTwin', status: 'completed' },
      ...{ startTimeUtc: expect.any(String), endTimeUtc: expect.any(String) },
      ...{ createdDateTimeUtc: expect.any(String), lastUpdatedDateTimeUtc: expect.any(String) },
      outcome: { deviceMethodResponse: null },
    },
  ]);
});

test('an etag in the update is a precondition on every twin', async () => {
  const jobs = startJobs();
  const twin = await twins.require('d005');
  const condition = "deviceId IN ['d005', 'd006']";
  await jobs.schedule('e', twinJob({ queryCondition: condition, updateTwin: { etag: twin.etag, tags: { a: 1 } } }), '');
  expect((await settled(jobs, 'e')).deviceJobStatistics).toMatchObject({ succeededCount: 1, failedCount: 1 });
  expect(await deviceJobs("jobId = 'e' AND status = 'failed'")).toMatchObject([
    { deviceId: 'd006', error: { code: 'PreconditionFailed' } },
  ]);
});

test('methods are called at most twenty at once; each answer and each failure is kept', async () => {
  const waiting: (() => void)[] = [];
  let most = 0;
  answer = async (deviceId) => {
    most = Math.max(most, invoked.length - done);
    await new Promise<void>((resolve) => waiting.push(resolve));
    done += 1;
    if (deviceId === 'd003') throw refusal('CLOUD_METHOD_DEVICE_OFFLINE', 'not there');
    return { status: 207, payload: { of: deviceId } };
  };
  let done = 0;
  const jobs = startJobs();
  await jobs.schedule('m', methodJob({ queryCondition: '*' }), '');
  while (done < DEVICES) {
    waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await settled(jobs, 'm')).deviceJobStatistics).toMatchObject({ succeededCount: DEVICES - 1, failedCount: 1 });
  expect(most).toBe(20);
  expect(new Set(invoked).size).toBe(DEVICES);
  expect(await deviceJobs("deviceId = 'd001' OR error.code = 'DeviceNotOnline'")).toMatchObject([
    { deviceId: 'd001', outcome: { deviceMethodResponse: { status: 207, payload: { of: 'd001' } } } },
    { deviceId: 'd003', status: 'failed', error: { code: 'DeviceNotOnline', description: 'not there' } },
  ]);
});

test('a job waits for its start time', async () => {
  const jobs = startJobs();
  const startTime = new Date(clock.nowMs() + 60_000).toISOString();
  expect(await jobs.schedule('later', methodJob({ startTime }), '')).toMatchObject({ status: 'scheduled', startTime });
  while (clock.nowMs() < Date.parse(startTime) - 1_000) await clock.advance(1_000);
  expect((await jobs.get('later')).status).toBe('scheduled');
  expect(invoked).toEqual([]);
  // The loop may still be asking the store when the clock moves: time goes on until it has begun.
  while ((await jobs.get('later')).status !== 'completed') await clock.advance(1_000);
});

test('a cancelled job begins no other device; what has ended cannot be cancelled', async () => {
  const jobs = startJobs();
  let release = () => {};
  answer = async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { status: 200, payload: null };
  };
  await jobs.schedule('c', methodJob({ queryCondition: '*' }), '');
  while (invoked.length < 20) await new Promise((resolve) => setImmediate(resolve));
  expect(await jobs.cancel('c')).toMatchObject({ status: 'cancelled' });
  expect(await jobs.cancel('c')).toMatchObject({ status: 'cancelled' });
  release();
  await clock.advance(6_000);
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(invoked).toHaveLength(20);
  expect(await deviceJobs("jobId = 'c' AND status = 'canceled'")).toHaveLength(DEVICES - 20);
  answer = async () => ({ status: 200, payload: null });
  await jobs.schedule('done', methodJob(), '');
  await settled(jobs, 'done');
  await expect(jobs.cancel('done')).rejects.toMatchObject({ code: 'CLOUD_JOB_ENDED' });
});

test('when the time is up the rest fails, and so does the job', async () => {
  answer = async () => {
    await clock.advance(11_000);
    return { status: 200, payload: null };
  };
  const jobs = startJobs();
  await jobs.schedule('slow', methodJob({ queryCondition: '*', maxExecutionTimeInSeconds: 10 }), '');
  const job = await settled(jobs, 'slow');
  expect(job).toMatchObject({
    status: 'failed',
    failureReason: expect.stringContaining('maxExecutionTimeInSeconds, 10'),
  });
  const { succeededCount, failedCount } = job.deviceJobStatistics as JsonObject;
  expect(Number(succeededCount) + Number(failedCount)).toBe(DEVICES);
  expect(await deviceJobs("error.code = 'JobTimedOut'")).toHaveLength(Number(failedCount));
});

test('after a restart the job goes on; a call without an answer is not made again', async () => {
  let release = () => {};
  answer = async (deviceId) => {
    if (deviceId === 'd050') await new Promise<void>((resolve) => (release = resolve));
    return { status: 200, payload: null };
  };
  const first = startJobs();
  await first.schedule('r', methodJob({ queryCondition: '*' }), '');
  while (!invoked.includes('d050')) await new Promise((resolve) => setImmediate(resolve));
  await first.stop();
  release();
  const before = invoked.length;
  expect((await first.get('r')).status).toBe('running');
  const second = startJobs();
  const job = await settled(second, 'r');
  expect(job.status).toBe('completed');
  expect(invoked.length).toBeGreaterThanOrEqual(before);
  expect(invoked.filter((id) => id === 'd050')).toHaveLength(1);
  expect(new Set(invoked).size).toBe(invoked.length);
  expect(invoked).toHaveLength(DEVICES);
  expect(await deviceJobs("error.code = 'JobInterrupted'")).toContainEqual(
    expect.objectContaining({ deviceId: 'd050', status: 'failed' }),
  );
});

test('an id twice', async () => {
  const jobs = startJobs();
  await jobs.schedule('x', methodJob(), '');
  await expect(jobs.schedule('x', methodJob(), '')).rejects.toMatchObject({ code: 'CLOUD_JOB_EXISTS' });
  await expect(jobs.get('y')).rejects.toMatchObject({ code: 'CLOUD_JOB_NOT_FOUND' });
});

test('pages of jobs hold each once, newest first, and filter', async () => {
  const jobs = startJobs();
  for (const jobId of ['a', 'b', 'c']) {
    await jobs.schedule(jobId, jobId === 'b' ? twinJob({ queryCondition: "deviceId = 'd001'" }) : methodJob(), '');
    await settled(jobs, jobId);
    await clock.advance(1);
  }
  const first = await jobs.list({}, undefined, 2);
  const second = await jobs.list({}, first.next, 2);
  expect([...first.jobs, ...second.jobs].map((job) => job.jobId)).toEqual(['c', 'b', 'a']);
  expect(second.next).toBeUndefined();
  expect((await jobs.list({ type: 'scheduleUpdateTwin', status: 'completed' }, undefined, 9)).jobs).toHaveLength(1);
});

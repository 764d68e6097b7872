// The rows of cloud.md 2.11 that no other suite asks: jobs through the unmodified JobClient, queries of every kind through Registry, and the
// requests of `az iot` as they stand on the wire (2.1 to 2.9, 3.1): paths, api-versions, headers, quoted stars.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Client, failureOf, type HubUnderTest, sas, startHub, until } from './hub-under-test.ts';

/** The suite shares its machine with others. */
jest.setTimeout(120_000);

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHub();
  const registry = hub.registry();
  for (let n = 0; n < 12; n += 1) {
    const deviceId = `c${String(n).padStart(2, '0')}`;
    await registry.create({ deviceId });
    await registry.updateTwin(deviceId, { tags: { site: n % 2 ? 'odd' : 'even', n } }, '*');
  }
});
afterAll(() => hub.close());

interface Job {
  jobId: string;
  status: string;
  deviceJobStatistics: { deviceCount: number; succeededCount: number; failedCount: number };
}

async function ended(jobId: string): Promise<Job> {
  let job: Job | undefined;
  await until(async () => {
    job = (await hub.jobs().getJob(jobId)).jobStatus as never as Job;
    return !['queued', 'scheduled', 'running'].includes(job.status);
  }, `the end of job ${jobId}`);
  return job!;
}

async function allOf(query: {
  hasMoreResults: boolean;
  continuationToken: string;
  next(token?: string): Promise<unknown>;
}) {
  const rows: Record<string, unknown>[] = [];
  while (query.hasMoreResults) {
    const { result } = (await query.next(query.continuationToken)) as { result: Record<string, unknown>[] };
    rows.push(...result);
  }
  return rows;
}
const ask = (text: string, pageSize = 5) => allOf(hub.registry().createQuery(text, pageSize) as never);

describe('jobs by JobClient', () => {
  test('a twin update over a condition, seen in the job, its devices and their twins', async () => {
    const jobs = hub.jobs();
    const patch = { etag: '*', tags: { ring: 2 }, properties: { desired: { level: 3 } } };
    const { jobStatus } = await jobs.scheduleTwinUpdate('twins', "tags.site = 'odd'", patch as never, new Date(), 300);
    expect(jobStatus).toMatchObject({ jobId: 'twins', type: 'scheduleUpdateTwin', maxExecutionTimeInSeconds: 300 });
    const job = await ended('twins');
    expect(job).toMatchObject({ status: 'completed', deviceJobStatistics: { deviceCount: 6, succeededCount: 6 } });
    const { responseBody: twin } = await hub.registry().getTwin('c03');
    expect(twin).toMatchObject({ tags: { ring: 2, n: 3 }, properties: { desired: { level: 3 } } });
    const rows = await ask("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'twins'", 4);
    expect(rows).toHaveLength(6);
    expect(rows[0]).toMatchObject({ deviceId: 'c01', jobType: 'scheduleUpdateTwin', status: 'completed' });
  });

  test('a method on devices that are there and one that is not', async () => {
    const client = (await hub.open('c02')) as InstanceType<typeof Client>;
    client.onDeviceMethod('reboot', (request, response) => {
      void response.send(202, { heard: request.payload }, () => undefined);
    });
    await until(async () => (await hub.platform.getDevice('c02'))?.connected === true, 'the device');
    const params = { methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 30 };
    await hub.jobs().scheduleDeviceMethod('methods', "deviceId IN ['c02', 'c04']", params as never, new Date(), 300);
    expect((await ended('methods')).deviceJobStatistics).toMatchObject({ succeededCount: 1, failedCount: 1 });
    expect(await ask("SELECT * FROM devices.jobs WHERE jobId = 'methods'")).toMatchObject([
      { deviceId: 'c02', outcome: { deviceMethodResponse: { status: 202, payload: { heard: { in: 5 } } } } },
      { deviceId: 'c04', status: 'failed', error: { code: 'DeviceNotOnline' } },
    ]);
  });

  test('one for later is cancelled; pages of the list; what is not there', async () => {
    const jobs = hub.jobs();
    const later = new Date(Date.now() + 3_600_000);
    await jobs.scheduleTwinUpdate('later', '*', { tags: { never: 1 } } as never, later, 60);
    expect((await jobs.getJob('later')).jobStatus).toMatchObject({
      status: 'scheduled',
      startTime: later.toISOString(),
    });
    expect((await jobs.cancelJob('later')).jobStatus).toMatchObject({ status: 'cancelled' });
    expect(await ask('SELECT COUNT() AS n FROM devices WHERE IS_DEFINED(tags.never)')).toEqual([{ n: 0 }]);
    await hub.restart();
    const listed = await allOf(hub.jobs().createQuery(undefined, undefined, 1) as never);
    expect(listed.map((job) => job.jobId)).toEqual(['later', 'methods', 'twins']);
    expect(
      await allOf(hub.jobs().createQuery('scheduleDeviceMethod' as never, 'completed' as never, 9) as never),
    ).toHaveLength(1);
    expect(await failureOf(hub.jobs().getJob('nothing'))).toMatchObject({ name: 'Error' });
    const twice = hub.jobs().scheduleTwinUpdate('later', '*', { tags: { a: 1 } } as never, later, 60);
    expect((await failureOf(twice)).message).toContain('exists already');
  });
});

describe('queries', () => {
  test('functions, aggregates, groups, order, modules', async () => {
    expect(await ask("SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'c0') AND tags.n * 2 >= 16", 1)).toEqual([
      { deviceId: 'c08' },
      { deviceId: 'c09' },
    ]);
    const groups =
      'SELECT tags.site AS site, COUNT() AS n, MAX(tags.n) AS most FROM devices GROUP BY tags.site ORDER BY site';
    expect(await ask(groups, 1)).toEqual([
      { site: 'even', n: 6, most: 10 },
      { site: 'odd', n: 6, most: 11 },
    ]);
    const rows = await ask('SELECT TOP 3 deviceId FROM devices ORDER BY tags.n DESC', 2);
    expect(rows.map((row) => row.deviceId)).toEqual(['c11', 'c10', 'c09']);
  });

  test('a bad query is an ArgumentError with its place', async () => {
    const error = await failureOf(ask('SELECT * FROM devices WHERE tags.a ='));
    expect(error).toMatchObject({ name: 'ArgumentError' });
    expect(error.message).toContain('position 36');
  });
});

describe('az iot', () => {
  const az = '?api-version=2024-03-31';
  const json = (answer: { json: unknown }) => answer.json as Record<string, unknown> & Record<string, unknown>[];

  test('device-identity: create an edge device and a child, list by query, show, update, delete', async () => {
    const body = (deviceId: string, more: object) => ({
      ...{
        deviceId,
        status: 'enabled',
        authentication: { type: 'sas', symmetricKey: { primaryKey: null, secondaryKey: null } },
      },
      ...more,
    });
    const made = await hub.request({
      ...{ method: 'PUT', path: `/devices/az-edge${az}`, body: body('az-edge', { capabilities: { iotEdge: true } }) },
    });
    expect(made.status).toBe(200);
    const { deviceScope, etag } = json(made) as never as { deviceScope: string; etag: string };
    const child = await hub.request({
      ...{
        method: 'PUT',
        path: `/devices/az-leaf${az}`,
        body: body('az-leaf', { capabilities: { iotEdge: false }, deviceScope }),
      },
    });
    expect(json(child)).toMatchObject({ deviceScope, parentScopes: [deviceScope] });
    const listed = await hub.request({
      ...{ method: 'POST', path: `/devices/query${az}`, headers: { 'x-ms-max-item-count': '1000' } },
      body: { query: 'SELECT * FROM devices where capabilities.iotEdge = true' },
    });
    expect([listed.headers.get('x-ms-item-type'), json(listed).map((row) => row.deviceId)]).toEqual([
      'Twin',
      ['az-edge'],
    ]);
    const children = await hub.request({
      ...{ method: 'POST', path: `/devices/query${az}` },
      body: { query: `SELECT deviceId FROM devices where array_contains(parentScopes, '${deviceScope}')` },
    });
    expect(json(children)).toEqual([{ deviceId: 'az-leaf' }]);
    const updated = await hub.request({
      ...{ method: 'PUT', path: `/devices/az-edge${az}`, headers: { 'If-Match': `"${etag}"` } },
      body: { ...json(made), status: 'disabled' },
    });
    expect(json(updated).status).toBe('disabled');
    const gone = await hub.request({ method: 'DELETE', path: `/devices/az-leaf${az}`, headers: { 'If-Match': '"*"' } });
    expect([gone.status, gone.text]).toEqual([204, '']);
  });

  test('twins, modules and methods', async () => {
    const replaced = await hub.request({
      ...{ method: 'PUT', path: `/twins/c05${az}`, headers: { 'If-Match': '"*"' } },
      body: { ...json(await hub.request({ path: `/twins/c05${az}` })), tags: { only: 1 } },
    });
    expect(json(replaced).tags).toEqual({ only: 1 });
    const module = await hub.request({
      ...{
        method: 'PUT',
        path: `/devices/c05/modules/m${az}`,
        body: { deviceId: 'c05', moduleId: 'm', authentication: { type: 'sas' } },
      },
    });
    expect([module.status, json(module).moduleId]).toEqual([200, 'm']);
    expect(json(await hub.request({ path: `/devices/c05/modules${az}` }))).toHaveLength(1);
    const method = await hub.request({
      ...{ method: 'POST', path: `/twins/c05/modules/m/methods${az}` },
      body: { methodName: 'ping', payload: {}, connectTimeoutInSeconds: 0, responseTimeoutInSeconds: 10 },
    });
    expect(method.status).toBe(404);
    expect(JSON.parse(String(json(method).Message))).toMatchObject({ errorCode: 404103 });
  });

  test('jobs: create, show, list with a status, cancel', async () => {
    const made = await hub.request({
      ...{ method: 'PUT', path: `/jobs/v2/az-job${az}` },
      body: {
        ...{ jobId: 'az-job', type: 'scheduleUpdateTwin', cloudToDeviceMethod: null, queryCondition: '*' },
        ...{ updateTwin: { tags: { az: true }, etag: '*' }, startTime: '2020-01-01T00:00:00.000000Z' },
        maxExecutionTimeInSeconds: 300,
      },
    });
    expect([made.status, json(made).jobId]).toEqual([200, 'az-job']);
    await ended('az-job');
    const listed = await hub.request({
      ...{
        path: `/jobs/v2/query${az}&jobType=scheduleUpdateTwin&jobStatus=completed`,
        headers: { 'x-ms-max-item-count': '100' },
      },
    });
    expect([listed.headers.get('x-ms-item-type'), json(listed).map((job) => job.jobId)]).toEqual([
      'JobResponse',
      expect.arrayContaining(['az-job']),
    ]);
    const late = await hub.request({ method: 'POST', path: `/jobs/v2/az-job/cancel${az}` });
    expect([late.status, late.headers.get('iothub-errorcode')]).toEqual([400, 'ArgumentInvalid']);
    const bad = await hub.request({ path: `/jobs/v2/query${az}&jobStatus=sleeping` });
    expect(bad.status).toBe(400);
  });

  test('jobs: the list asks for import and export jobs, too', async () => {
    const listed = await hub.request({ path: `/jobs${az}` });
    expect([listed.status, json(listed)]).toEqual([200, []]);
    const one = await hub.request({ path: `/jobs/none${az}` });
    expect([one.status, one.headers.get('iothub-errorcode')]).toEqual([501, 'NotImplemented']);
  });

  test('what 2.11 leaves out says so', async () => {
    for (const [method, path] of [
      ['POST', '/jobs/create'],
      ['GET', '/digitaltwins/c01'],
      ['POST', '/devices/c01/files'],
      ['GET', '/messages/serviceBound/feedback'],
    ] as const) {
      const answer = await hub.request({ method, path: `${path}${az}`, ...(method === 'POST' ? { body: {} } : {}) });
      expect([path, answer.status, answer.headers.get('iothub-errorcode')]).toEqual([path, 501, 'NotImplemented']);
    }
  });

  test('jobs and messages ask for ServiceConnect', async () => {
    const key = /SharedAccessKey=(.*)$/.exec(hub.platform.connectionStrings().registryRead)?.[1] ?? '';
    const token = sas({ key, policy: 'registryRead' });
    for (const [method, path] of [
      ['PUT', '/jobs/v2/x'],
      ['POST', '/jobs/v2/az-job/cancel'],
      ['POST', '/messages/devicebound'],
      ['GET', '/devices/c01/messages/devicebound'],
      ['DELETE', '/devices/c01/commands'],
    ] as const) {
      const answer = await hub.request({
        method,
        path,
        token,
        ...(method === 'PUT' || method === 'POST' ? { body: {} } : {}),
      });
      expect([path, answer.status]).toEqual([path, 401]);
    }
    expect((await hub.request({ path: '/jobs/v2/az-job', token })).status).toBe(200);
  });
});

// What an operator does with a node, over the real cloud: BGP in its fields, keys, replacement, work through its agent, files it sends,
// metrics, migration package.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import got from 'got';
import type { MqttClient } from 'mqtt';
import { CloudUnderTest, until } from './cloud-under-test.ts';

jest.setTimeout(120_000);

const cloud = new CloudUnderTest();
let agent: MqttClient;
/** Calls of the agent's methods; each is answered with what `answers` says. */
const calls: { name: string; payload: { [field: string]: unknown } }[] = [];
const answers = new Map<string, { status: number; payload: unknown }>();

async function connectAgent(): Promise<MqttClient> {
  const client = await cloud.connect('edge1', '$edgeAgent');
  client.on('message', (topic, body) => {
    const [, name = '', rid] = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/.exec(topic) ?? [];
    if (name === '') return;
    calls.push({ name, payload: JSON.parse(body.toString()) });
    const { status, payload } = answers.get(name) ?? { status: 200, payload: null };
    client.publish(`$iothub/methods/res/${status}/?$rid=${rid}`, JSON.stringify(payload));
  });
  await client.subscribeAsync('$iothub/methods/POST/#', { qos: 1 });
  return client;
}

beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  const drives = [{ path: '/d', sizeGb: 10 }];
  const json = { name: 'edge1', ipAddress: '203.0.114.7', drives, cidrs: '2.21.234.0/24, 2.21.0.0/16' };
  expect((await cloud.call('POST', '/nodes', { json })).status).toBe(201);
  agent = await connectAgent();
}, 120_000);
afterAll(async () => {
  await agent.endAsync(true);
  await cloud.close();
});

const node = async () => (await cloud.call('GET', '/nodes/edge1')).body;
const deployed = async () => (await cloud.call('GET', '/nodes/edge1/deployment')).body.modulesContent;
const timeline = async (): Promise<string[]> =>
  (await cloud.call('GET', '/nodes/edge1/timeline?limit=1000')).body.events.map((e: { text: string }) => e.text);

describe('the list of nodes', () => {
  test('shows the columns of the original; addresses in two blocks count once', async () => {
    expect(await node()).toMatchObject({
      ...{ softwareVersion: 'Unknown', issues: [], prefixCount: 2, ipSpace: 65_536, bgpRoutesReceived: false },
      ...{ migrated: 'N/A', provisionedHost: null, proxy: null },
    });
  });
});

describe('BGP in the fields of a node', () => {
  const neighbor = { neighborAddress: '192.0.2.1', neighborAsn: 64510 };

  test('the manifest has the module while prefixes come by BGP; the password is never answered', async () => {
    const sessions = [{ ...neighbor, password: 's3cret-md5' }];
    const changed = await cloud.call('PATCH', '/nodes/edge1', { json: { prefixSource: 'bgp', bgp: { sessions } } });
    expect(changed.status).toBe(200);
    expect(changed.body.bgp.sessions).toMatchObject([{ id: 'session1', ...neighbor, hasPassword: true }]);
    const content = await deployed();
    expect(content.$edgeAgent['properties.desired'].modules.bgp.settings.image).toContain('bgp:');
    expect(content.bgp['properties.desired'].sessions.session1).toMatchObject(neighbor);
    for (const path of ['/nodes', '/nodes/edge1', '/nodes/edge1/timeline', '/nodes/edge1/bgp', '/nodes/edge1/routing'])
      expect([path, JSON.stringify((await cloud.call('GET', path)).body).includes('s3cret-md5')]).toEqual([
        path,
        false,
      ]);
  });

  test('the answer can be sent back as it is: the password stays', async () => {
    const { bgp } = await node();
    await cloud.call('PATCH', '/nodes/edge1', { json: { bgp: { ...bgp, holdSecs: 60 } } });
    const desired = (await deployed()).bgp['properties.desired'];
    expect([desired.holdSecs, desired.sessions.session1.password]).toEqual([60, 's3cret-md5']);
  });

  test('typed-in prefixes take the module away, routing follows the switch', async () => {
    await cloud.call('PATCH', '/nodes/edge1', { json: { prefixSource: 'manual' } });
    expect((await deployed()).bgp).toBeUndefined();
    expect((await cloud.call('GET', '/nodes/edge1/routing')).body.prefixSource).toBe('manual');
  });

  test('what is wrong is named field by field', async () => {
    const json = { bgp: { sessions: [{ neighborAddress: '1.2.3', neighborAsn: 0, password: 'with "quotes"' }] } };
    const { status, body } = await cloud.call('PATCH', '/nodes/edge1', { json });
    expect([status, body.error.problems.map((p: { path: string }) => p.path)]).toEqual([
      400,
      ['bgp.sessions[0].neighborAddress', 'bgp.sessions[0].neighborAsn', 'bgp.sessions[0].password'],
    ]);
    expect(JSON.stringify(body)).not.toContain('quotes');
  });
});

describe('work on a node', () => {
  test('a restart in plain words is RestartModule of the agent, and stands in the timeline', async () => {
    await cloud.call('POST', '/nodes/edge1/restart', { json: {} });
    expect(calls.at(-1)).toEqual({ name: 'RestartModule', payload: { schemaVersion: '1.0', id: 'MCC' } });
    await cloud.call('POST', '/nodes/edge1/modules/$edgeHub/restart');
    expect(calls.at(-1)?.payload).toEqual({ schemaVersion: '1.0', id: 'edgeHub' });
    expect(await timeline()).toContain('admin called RestartModule of $edgeAgent: 200');
  });

  test('what the agent refuses is refused with its words', async () => {
    answers.set('RestartModule', { status: 400, payload: { message: 'id is "x", wanted one of MCC' } });
    const { status, body } = await cloud.call('POST', '/nodes/edge1/restart', { json: { module: 'x' } });
    expect([status, body.error.message]).toEqual([400, 'Cannot restart x on edge1: id is "x", wanted one of MCC']);
    answers.delete('RestartModule');
  });

  test('a module that is not connected is 503, a node that is not there 404', async () => {
    const json = { hosts: ['a.example'] };
    expect((await cloud.call('POST', '/nodes/edge1/purge', { json })).status).toBe(503);
    expect((await cloud.call('POST', '/nodes/none/purge', { json })).status).toBe(404);
    expect((await cloud.call('POST', '/nodes/edge1/purge', { json: {} })).status).toBe(400);
  });
});

describe('a support bundle', () => {
  const put = (url: string, body: string) =>
    got.put(url.replace(/^https:\/\/[^/]+/, cloud.url), {
      ...{ body, https: { certificateAuthority: cloud.ca }, throwHttpErrors: false, retry: { limit: 0 } },
      headers: { 'x-ms-blob-type': 'BlockBlob', 'content-type': 'application/zip' },
    });

  test('is asked of the agent, sent by it as to a blob store, and downloaded', async () => {
    answers.set('UploadSupportBundle', { status: 200, payload: { status: 'Running', correlationId: 'task-1' } });
    const asked = await cloud.call('POST', '/nodes/edge1/support-bundle', { json: { since: '1h' } });
    expect(asked).toMatchObject({
      status: 202,
      body: { state: 'Running', correlationId: 'task-1', createdBy: 'admin' },
    });
    const container = new URL(String(calls.at(-1)?.payload.sasUrl));
    container.pathname += '/localhost/edge1/support-bundle-2026.zip';
    answers.set('GetTaskStatus', { status: 200, payload: { status: 'Running', message: '', correlationId: 'task-1' } });
    const { id } = asked.body;
    expect((await cloud.call('GET', `/nodes/edge1/uploads/${id}`)).body.state).toBe('Running');
    const stranger = new URL(container);
    stranger.searchParams.set('sig', 'guess');
    expect((await put(String(stranger), 'evil')).statusCode).toBe(403);
    expect((await put(String(container), 'the bundle')).statusCode).toBe(201);
    expect((await put(String(container), 'again')).statusCode).toBe(403);
    expect((await cloud.call('GET', `/nodes/edge1/uploads/${id}`)).body).toMatchObject({
      ...{ state: 'Completed', fileName: 'support-bundle-2026.zip', sizeBytes: 10 },
    });
    expect((await cloud.call('GET', `/nodes/edge1/uploads/${id}/file`)).body).toBe('the bundle');
    expect((await cloud.call('DELETE', `/nodes/edge1/uploads/${id}`)).status).toBe(204);
    expect((await cloud.call('GET', `/nodes/edge1/uploads/${id}/file`)).status).toBe(404);
    expect(JSON.stringify(await timeline())).not.toContain('sig=');
  });

  test('goes to a store of the operator when one is named', async () => {
    answers.set('UploadModuleLogs', { status: 200, payload: { status: 'Running', correlationId: 'task-2' } });
    const sasUrl = 'https://blobs.example/container?sig=hush';
    await cloud.call('POST', '/nodes/edge1/modules/MCC/logs/upload', { json: { sasUrl, tail: 10 } });
    expect(calls.at(-1)).toMatchObject({
      name: 'UploadModuleLogs',
      payload: { sasUrl, encoding: 'gzip', items: [{ id: '^MCC$', filter: { tail: 10 } }] },
    });
  });
});

describe('metrics', () => {
  test('of every range, of the node and of all: totals equal the traffic reported', async () => {
    const nowMs = Date.now();
    const bytes = { hitBytes: 60_000_000, missBytes: 15_000_000, egressBytes: 75_000_000, ingressBytes: 15_000_000 };
    const report = {
      ...{
        schemaVersion: '1.0',
        fromUtc: new Date(nowMs - 15_000).toISOString(),
        toUtc: new Date(nowMs).toISOString(),
      },
      ...{ requests: 10, hits: 8, misses: 2, errors5xx: 0, ...bytes },
      ...{ totals: { ...bytes, hitRatioBytes: 0.8 }, drives: [] },
      byOrigin: [
        { host: 'a.example', contentClass: 'xbox', hits: 8, misses: 0, hitBytes: 60_000_000, missBytes: 0 },
        { host: 'b.example', contentClass: 'windows', hits: 0, misses: 2, hitBytes: 0, missBytes: 15_000_000 },
      ],
      byContentClass: [
        { contentClass: 'xbox', hits: 8, misses: 0, hitBytes: 60_000_000, missBytes: 0 },
        { contentClass: 'windows', hits: 0, misses: 2, hitBytes: 0, missBytes: 15_000_000 },
      ],
    };
    // Any module may report figures; the agent's connection is at hand.
    await agent.publishAsync(
      'devices/edge1/modules/$edgeAgent/messages/events/messageType=cacheReport',
      JSON.stringify(report),
      { qos: 1 },
    );
    const of = async (path: string) => (await cloud.call('GET', path)).body;
    await until('the figures', async () => (await of('/nodes/edge1/metrics?range=1h')).points.length > 0);
    for (const range of ['1h', '12h', '1d', '7d', '14d', '30d']) {
      for (const path of ['/nodes/edge1/metrics', '/metrics']) {
        const metrics = await until(`${path} ${range}`, async () => {
          const found = await of(`${path}?range=${range}`);
          return found.points.length > 0 && found;
        });
        expect([path, range, metrics.cacheEfficiency, metrics.out.maxMbps, metrics.in.averageMbps]).toEqual([
          ...[path, range, 0.8, 10, 2],
        ]);
        const sum = metrics.points.reduce((all: number, p: typeof bytes) => all + p.hitBytes + p.missBytes, 0);
        expect(sum).toBe(75_000_000);
      }
      const series = (await of(`/nodes/edge1/traffic?by=contentClass&range=${range}`)).points;
      expect(series.map((p: { label: string }) => p.label).sort()).toEqual(['windows', 'xbox']);
    }
    expect((await of('/metrics')).nodes).toMatchObject({ total: 1 });
    expect((await cloud.call('GET', '/metrics?range=2d')).status).toBe(400);
  });
});

describe('keys', () => {
  test('a customer key is rotated: the deployment has the new one, printed commands fail', async () => {
    const printed = (await cloud.call('POST', '/nodes/edge1/provisioning')).body;
    const { customerKey } = (await cloud.call('POST', '/nodes/edge1/customer-key')).body;
    expect(customerKey).not.toBe(printed.customerKey);
    expect(JSON.stringify(await deployed())).toContain(customerKey);
    const { customerId, cacheNodeId, registrationKey } = printed;
    const nonce = Buffer.alloc(32, 1).toString('base64');
    const old = { customerId, cacheNodeId, customerKey: printed.customerKey, registrationKey, nonce };
    const json = { ...old, hostname: 'h', version: '1' };
    expect((await cloud.call('POST', '/provision', { json, token: null })).status).toBe(403);
  });

  test('a replaced server is cut off and cannot come back; the next one is the same node', async () => {
    const { cacheNodeId } = await node();
    const closed = new Promise((resolve) => agent.once('close', () => resolve(true)));
    const issued = (await cloud.call('POST', '/nodes/edge1/replacement')).body;
    expect(await closed).toBe(true);
    expect((await node()).state).toBe('NotProvisioned');
    await expect(connectAgent()).rejects.toThrow();
    const { customerId, customerKey, registrationKey } = issued;
    const nonce = Buffer.alloc(32, 2).toString('base64');
    const json = { customerId, cacheNodeId, customerKey, registrationKey, nonce, hostname: 'server2', version: '1' };
    const answer = await cloud.call('POST', '/provision', { json, token: null });
    expect([answer.status, answer.body.deviceId]).toEqual([200, 'edge1']);
    agent = await connectAgent();
    expect(await node()).toMatchObject({ cacheNodeId, provisionedHost: 'server2' });
  });
});

describe('the migration package', () => {
  test('brings a deleted node back with its id, fields and prefixes', async () => {
    const before = await node();
    const document = (await cloud.call('POST', '/nodes/export', { json: { nodes: ['edge1'] } })).body;
    expect((await cloud.call('DELETE', '/nodes/edge1')).status).toBe(204);
    const gone = (await cloud.call('GET', '/routing/prefixes?node=edge1')).body;
    expect(gone.prefixes ?? []).toEqual([]);
    expect((await cloud.call('GET', '/routing/lookup?ip=2.21.234.5')).body.steps).toEqual([]);
    const imported = await cloud.call('POST', '/nodes/import', { json: { package: document } });
    expect(imported.body.nodes).toMatchObject([{ name: 'edge1', result: 'created' }]);
    const { cacheNodeId, cidrs, drives, bgp } = before;
    expect(await node()).toMatchObject({ cacheNodeId, cidrs, drives, bgp, migrated: 'No', state: 'NotProvisioned' });
    expect((await cloud.call('GET', '/routing/lookup?ip=2.21.234.5')).body.steps[0].prefix).toBe('2.21.234.0/24');
  });
});

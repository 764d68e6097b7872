// Deployments at scale through /api/v1 on a whole cloud: every answer is checked against the OpenAPI document.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { CloudUnderTest, until } from './cloud-under-test.ts';
import { modulesOf, quickstartContent } from './deployment-bench.ts';

/** The suite shares its machine with others. */
jest.setTimeout(120_000);

const cloud = new CloudUnderTest();
beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  const drives = [{ path: '/datadrive1', sizeGb: 100 }];
  for (const [index, name] of ['alpha', 'beta', 'gamma'].entries()) {
    const json = { name, ipAddress: `192.0.2.${index + 1}`, drives };
    expect((await cloud.call('POST', '/nodes', { json })).status).toBe(201);
  }
});
afterAll(() => cloud.close());

const content = (version: string) => {
  const modulesContent = quickstartContent();
  Object.assign(modulesOf(modulesContent).MCC!, { version });
  return { modulesContent };
};
const layer = {
  modulesContent: { $edgeAgent: { 'properties.desired.modules.MCC.settings.image': 'wayside/cache:next' } },
};
const get = async (path: string) => (await cloud.call('GET', path)).body;
const mccOf = async (node: string) =>
  modulesOf((await get(`/nodes/${node}/deployment`)).modulesContent).MCC as unknown as {
    version?: string;
    settings: { image: string };
  };

describe('deployments in /api/v1', () => {
  test('a dry run names the nodes, then the layer changes them and shows its progress', async () => {
    const deployment = { id: 'next', content: layer, targetCondition: "deviceId IN ['alpha', 'beta']", priority: 3 };
    const dry = (await cloud.call('POST', '/deployments/dry-run', { json: { deployment } })).body;
    expect(dry).toMatchObject({ devices: 3, targeted: 2, changed: 2, problems: 0 });
    expect(dry.nodes[0]).toEqual({
      name: 'alpha',
      before: { base: null, layers: [] },
      after: { base: null, layers: ['next'] },
      changes: [{ module: 'MCC', change: 'changed', paths: ['definition.settings.image'] }],
      problem: null,
    });
    expect((await mccOf('alpha')).settings.image).not.toBe('wayside/cache:next');
    const made = await cloud.call('POST', '/deployments', { json: deployment });
    expect([made.status, made.body.isLayer, made.body.createdBy]).toEqual([201, true, 'admin']);
    await until('both nodes', async () => (await get('/deployments/next')).progress.applied === 2);
    expect((await mccOf('alpha')).settings.image).toBe('wayside/cache:next');
    expect((await get('/deployments')).deployments.map(({ id }: { id: string }) => id)).toEqual(['next']);
    expect(await get('/deployments/next/content')).toEqual({ content: layer });
    expect(await get('/deployments/next/nodes?limit=1')).toEqual({
      nodes: [{ name: 'alpha', module: '', status: 'Applied', outcome: '', problem: null }],
      next: 'alpha',
    });
    expect((await get('/deployments/next/nodes?limit=1&after=beta')).nodes).toEqual([]);
    expect((await get('/deployments/next/nodes?outcome=failed')).nodes).toEqual([]);
  });

  test('fields that change reach a node under a layer, which stays on it', async () => {
    await cloud.call('PATCH', '/nodes/alpha', { json: { maxEgressMbps: 77 } });
    const { modulesContent } = await get('/nodes/alpha/deployment');
    expect(modulesContent.MCC['properties.desired'].maxEgressMbps).toBe(77);
    expect((await mccOf('alpha')).settings.image).toBe('wayside/cache:next');
  });

  test('condition and priority change by PATCH, the content does not; an old etag is refused', async () => {
    const { etag } = await get('/deployments/next');
    const patch = (json: object) => cloud.call('PATCH', '/deployments/next', { json });
    expect((await patch({ targetCondition: "deviceId = 'beta'", etag })).body.progress).toBeDefined();
    await until('alpha is out', async () => (await get('/deployments/next')).progress.targeted === 1);
    expect((await mccOf('alpha')).settings.image).not.toBe('wayside/cache:next');
    expect((await patch({ priority: 4, etag })).status).toBe(412);
    expect((await patch({ content: content('1') })).status).toBe(400);
    expect((await get('/deployments/next')).priority).toBe(3);
    const faulty = await patch({ targetCondition: 'tags.a = (' });
    expect([faulty.status, faulty.body.error.code]).toEqual([400, 'CLOUD_CONFIGURATION_INVALID']);
    expect(faulty.body.error.problems[0].path).toBe('targetCondition');
  });

  test('a deployment of a node under a base configuration is told what takes over; restore is refused', async () => {
    await cloud.call('POST', '/deployments', {
      json: { id: 'base', content: content('fleet'), targetCondition: "deviceId = 'gamma'", priority: 9 },
    });
    await until('gamma', async () => (await mccOf('gamma'))?.version === 'fleet');
    const put = await cloud.call('PUT', '/nodes/gamma/deployment', { json: content('own') });
    expect(put.body.overriddenBy).toBe('base');
    await until('gamma again', async () => (await mccOf('gamma')).version === 'fleet');
    const { deployments } = await get('/nodes/gamma/deployments');
    expect(
      deployments.map(({ origin, base, by }: { [field: string]: string }) => [origin, base, by]).slice(-2),
    ).toEqual([
      ['configuration', 'base', 'admin'],
      ['fields', null, 'admin'],
    ]);
    const first = deployments.at(-1);
    const refused = await cloud.call('POST', `/nodes/gamma/deployments/${first.seq}/restore`);
    expect([refused.status, refused.body.error.code]).toEqual([409, 'CLOUD_DEPLOYMENT_TARGETED']);
    expect((await cloud.call('DELETE', '/deployments/base')).status).toBe(204);
    await until('gamma free', async () => (await cloud.call('GET', '/deployments/base')).status === 404);
  });

  test('back to an earlier deployment, with what it changes', async () => {
    await cloud.call('PUT', '/nodes/alpha/deployment', { json: content('one') });
    await cloud.call('PUT', '/nodes/alpha/deployment', { json: content('two') });
    const [two, one] = (await get('/nodes/alpha/deployments')).deployments;
    expect([two.isCurrent, one.isCurrent, two.modules]).toEqual([true, false, ['$edgeAgent', '$edgeHub', 'MCC']]);
    const past = await get(`/nodes/alpha/deployments/${two.seq}`);
    expect(past.changes).toEqual([{ module: 'MCC', change: 'changed', paths: ['definition.version'] }]);
    expect(past.modulesContent).toEqual(content('two').modulesContent);
    const restored = await cloud.call('POST', `/nodes/alpha/deployments/${one.seq}/restore`);
    expect(restored.body.modules).toEqual(['$edgeAgent', '$edgeHub', 'MCC']);
    expect((await mccOf('alpha')).version).toBe('one');
    expect((await get('/nodes/alpha/deployments')).deployments[0]).toMatchObject({ origin: 'restore', by: 'admin' });
    expect((await cloud.call('POST', '/nodes/alpha/deployments/x/restore')).status).toBe(404);
    expect((await cloud.call('GET', '/nodes/nobody/deployments')).status).toBe(404);
  });

  test('faulty bodies are refused with every problem; strangers get nothing', async () => {
    const post = (json: object) => cloud.call('POST', '/deployments', { json });
    const systemModules = { modulesContent: { $edgeAgent: { 'properties.desired.systemModules.edgeHub': {} } } };
    const wrong = await post({ id: 'x', content: systemModules, targetCondition: '*' });
    expect([wrong.status, wrong.body.error.problems[0].message]).toEqual([
      400,
      expect.stringContaining('system module'),
    ]);
    expect((await post({ id: 'Upper', content: layer })).status).toBe(400);
    expect((await post({ id: 'next', content: layer })).status).toBe(409);
    expect((await post({ id: 'y', content: layer, unknown: 1 })).status).toBe(400);
    const both = { deployment: { id: 'y', content: layer }, remove: 'next' };
    expect((await cloud.call('POST', '/deployments/dry-run', { json: both })).status).toBe(400);
    expect((await cloud.call('GET', '/deployments', { token: null })).status).toBe(401);
  });
});

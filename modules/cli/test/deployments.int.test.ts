// Deployments at scale and a node's history against a real HTTPS server with a private CA: what is asked, and what is told.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { TestCa } from '@wayside/kit/test-certificates';
import { type CloudServer, startCloudServer } from './cloud-server.ts';
import { runCli } from './test-io.ts';

jest.setTimeout(60_000);

let directory: string;
let cloud: CloudServer;
beforeAll(async () => {
  const ca = await TestCa.create('test ca');
  directory = await mkdtemp(join(tmpdir(), 'wayside-cli-'));
  cloud = await startCloudServer(await ca.issue(['localhost', '127.0.0.1']), ca.pem);
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  const password = await file('password', `${cloud.password}\n`);
  const pem = await file('ca.pem', ca.pem);
  await file('layer.json', JSON.stringify({ modulesContent: { $edgeAgent: {} } }));
  const whole = {
    id: 'old',
    content: { deviceContent: { 'properties.desired.x': 1 } },
    targetCondition: '*',
    priority: 3,
  };
  await file(
    'whole.json',
    JSON.stringify({ ...whole, metrics: { results: {}, queries: { m: 'SELECT COUNT() FROM devices' } } }),
  );
  await file('broken.json', '{');
  expect((await cli('login', cloud.url, '--password-file', password, '--ca', pem)).exitCode).toBe(0);
});
afterAll(async () => {
  await cloud.close();
  await rm(directory, { recursive: true });
});

const cli = (...args: string[]) => runCli(args, { env: { WAYSIDE_CONFIG_DIR: join(directory, 'config') } });
const lastCall = () => cloud.asked.at(-1);

const DEPLOYMENT = {
  ...{
    id: 'next',
    etag: 'MQ==',
    kind: 'modulesContent',
    isLayer: true,
    targetCondition: '*',
    priority: 2,
    labels: null,
  },
  metrics: { queries: { all: 'SELECT COUNT() FROM devices' }, results: { all: 7 } },
  ...{ createdAtUtc: 't1', createdBy: 'ann', updatedAtUtc: 't2', updatedBy: 'bob' },
  progress: { targeted: 2, applied: 1, reportedSuccessful: 1, reportedFailed: 0 },
};

test('create takes a content or a whole configuration; options win over the file', async () => {
  cloud.documents.set('POST /deployments', DEPLOYMENT);
  const options = ['--target', "tags.a = 'b'", '--priority', '7', '--label', 'team=cdn', '--metric', 'm=SELECT a = b'];
  const made = await cli('deployment', 'create', 'next', join(directory, 'layer.json'), ...options);
  expect(made).toEqual({
    ...{ exitCode: 0, stderr: '' },
    stdout: 'Created layered deployment next; watch it with: deployment show next\n',
  });
  expect(lastCall()).toEqual({
    call: 'POST /api/v1/deployments',
    body: {
      id: 'next',
      content: { modulesContent: { $edgeAgent: {} } },
      ...{ targetCondition: "tags.a = 'b'", priority: 7, labels: { team: 'cdn' } },
      metrics: { queries: { m: 'SELECT a = b' } },
    },
  });
  await cli('deployment', 'create', 'new', join(directory, 'whole.json'), '--priority', '4');
  expect(lastCall()?.body).toEqual({
    ...{ id: 'new', content: { deviceContent: { 'properties.desired.x': 1 } }, targetCondition: '*', priority: 4 },
    metrics: { queries: { m: 'SELECT COUNT() FROM devices' } },
  });
  const broken = await cli('deployment', 'create', 'x', join(directory, 'broken.json'));
  expect([broken.exitCode, broken.stderr]).toEqual([1, expect.stringContaining('CLI_MANIFEST_UNREADABLE')]);
  expect((await cli('deployment', 'create', 'x', join(directory, 'layer.json'), '--label', 'x')).stderr).toContain(
    'name=value',
  );
});

test('set, list, show, delete', async () => {
  cloud.documents.set('PATCH /deployments/next', DEPLOYMENT);
  expect((await cli('deployment', 'set', 'next', '--target', '')).stdout).toBe(
    'Changed deployment next: targetCondition\n',
  );
  expect(lastCall()?.body).toEqual({ targetCondition: '' });
  expect((await cli('deployment', 'set', 'next')).stderr).toContain('nothing was given');
  cloud.documents.set('GET /deployments', { deployments: [DEPLOYMENT] });
  expect((await cli('deployment', 'list')).stdout).toContain(
    'next  layer  2         2         1        1          0       *',
  );
  cloud.documents.set('GET /deployments/next', DEPLOYMENT);
  const row = { name: 'alpha', module: '', status: 'Targeted', outcome: '', problem: 'too large' };
  cloud.documents.set('GET /deployments/next/nodes', { nodes: [row], next: null });
  const shown = (await cli('deployment', 'show', 'next', '--nodes')).stdout;
  expect(shown).toContain('metric all  7\n');
  expect(shown).toContain('alpha  -       Targeted  -        too large\n');
  cloud.documents.set('DELETE /deployments/next', null);
  expect((await cli('deployment', 'delete', 'next')).stdout).toContain('Deleted deployment next');
});

test('dry-run of a change, of a deletion', async () => {
  cloud.documents.set('POST /deployments/dry-run', { devices: 3, targeted: 1, changed: 0, problems: 0, nodes: [] });
  const dry = await cli('deployment', 'dry-run', 'next', '--target', '*');
  expect(dry.stdout).toBe('3 devices: 1 targeted, 0 would change, 0 cannot take it; nothing was changed\n');
  expect(lastCall()?.body).toEqual({ deployment: { id: 'next', targetCondition: '*' } });
  await cli('deployment', 'dry-run', 'next', '--remove');
  expect(lastCall()?.body).toEqual({ remove: 'next' });
});

test('history, one of it, and the way back', async () => {
  const past = { ...{ seq: 4, atUtc: 't', by: 'ann', origin: 'restore', base: null, layers: [] }, desiredVersion: 6 };
  const entry = { ...past, modules: ['MCC'], isCurrent: true };
  cloud.documents.set('GET /nodes/a/deployments', { deployments: [entry] });
  expect((await cli('history', 'a')).stdout).toContain('4 *  t     ann  restored  6        MCC\n');
  const changes = [{ module: 'MCC', change: 'added', paths: [] }];
  cloud.documents.set('GET /nodes/a/deployments/4', { ...entry, changes, modulesContent: { MCC: {} } });
  expect((await cli('history', 'a', '4')).stdout).toBe(
    'Deployment 4 at t by ann, from restored: version 6\n  MCC added: as a whole\n',
  );
  expect((await cli('history', 'a', '4', '--json')).stdout).toBe('{"modulesContent":{"MCC":{}}}\n');
  cloud.documents.set('POST /nodes/a/deployments/4/restore', { desiredVersion: 7, modules: ['MCC'] });
  expect((await cli('rollback', 'a', '4')).stdout).toBe('Restored deployment 4 of a: desired version 7, modules MCC\n');
  expect(lastCall()).toEqual({ call: 'POST /api/v1/nodes/a/deployments/4/restore', body: undefined });
  expect((await cli('rollback', 'a', 'x')).exitCode).not.toBe(0);
});

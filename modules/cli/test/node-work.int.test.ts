// Keys, work on a node, support bundle, migration package and metrics against a real HTTPS server with a private CA.

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { systemClock } from '@wayside/kit';
import { TestCa } from '@wayside/kit/test-certificates';
import { type CloudServer, startCloudServer } from './cloud-server.ts';
import { type Ran, runCli } from './test-io.ts';

jest.setTimeout(60_000);

let directory: string;
let cloud: CloudServer;

beforeEach(async () => {
  const ca = await TestCa.create('test ca');
  directory = await mkdtemp(join(tmpdir(), 'wayside-cli-'));
  cloud = await startCloudServer(await ca.issue(['localhost', '127.0.0.1']), ca.pem);
  await writeFile(join(directory, 'ca.pem'), ca.pem);
  await writeFile(join(directory, 'password'), `${cloud.password}\n`);
  const login = ['login', cloud.url, '--password-file', join(directory, 'password'), '--ca', join(directory, 'ca.pem')];
  expect((await cli(...login)).exitCode).toBe(0);
});
afterEach(async () => {
  await cloud.close();
  await rm(directory, { recursive: true });
});

function cli(...args: string[]): Promise<Ran> {
  return runCli(args, { env: { WAYSIDE_CONFIG_DIR: join(directory, 'config') }, clock: systemClock });
}
const lastCall = () => cloud.asked.at(-1);
const path = (file: string) => join(directory, file);

test('a server is replaced, a customer key rotated, a command revoked', async () => {
  cloud.documents.set('POST /nodes/edge1/replacement', { command: 'curl ... registrationkey=R' });
  cloud.documents.set('POST /nodes/edge1/customer-key', { customerKey: 'hush' });
  cloud.documents.set('DELETE /nodes/edge1/provisioning', null);
  expect((await cli('node', 'replace', 'edge1')).stdout).toContain('\n\ncurl ... registrationkey=R\n');
  const rotated = await cli('node', 'rotate-key', 'edge1');
  expect([rotated.exitCode, rotated.stdout.includes('hush')]).toEqual([0, false]);
  expect((await cli('node', 'revoke', 'edge1')).exitCode).toBe(0);
  expect(lastCall()?.call).toBe('DELETE /api/v1/nodes/edge1/provisioning');
});

test('restart, purge and prefetch in plain words', async () => {
  for (const work of ['restart', 'purge', 'prefetch'])
    cloud.documents.set(`POST /nodes/edge1/${work}`, { status: 200, payload: { id: work } });
  expect((await cli('node', 'restart', 'edge1')).stdout).toBe('Restarted MCC of edge1\n');
  expect(lastCall()).toMatchObject({ call: 'POST /api/v1/nodes/edge1/restart', body: { module: 'MCC' } });
  expect((await cli('node', 'purge', 'edge1', '--content-host', 'a.example', '--tag', 'x')).stdout).toContain(
    '"id": "purge"',
  );
  expect(lastCall()?.body).toEqual({ hosts: ['a.example'], tags: ['x'] });
  expect((await cli('node', 'purge', 'edge1')).exitCode).not.toBe(0);
  await cli('node', 'prefetch', 'edge1', 'http://a.example/1', '--window', '01:00-05:00');
  expect(lastCall()?.body).toEqual({ urls: ['http://a.example/1'], window: '01:00-05:00' });
});

test('a support bundle is asked for, waited for and written for its owner only', async () => {
  const id = '00000000-0000-4000-8000-000000000000';
  const upload = { id, message: '', fileName: 'b.zip', sizeBytes: 3 };
  cloud.documents.set('POST /nodes/edge1/support-bundle', { ...upload, state: 'Running' });
  cloud.documents.set(`GET /nodes/edge1/uploads/${id}`, { ...upload, state: 'Completed' });
  cloud.documents.set(`GET /nodes/edge1/uploads/${id}/file`, 'zip');
  const ran = await cli('node', 'support-bundle', 'edge1', '-o', path('b.zip'));
  expect([ran.stderr, ran.exitCode]).toEqual(['', 0]);
  expect([await readFile(path('b.zip'), 'utf8'), (await stat(path('b.zip'))).mode & 0o777]).toEqual(['zip', 0o600]);
  cloud.documents.set(`GET /nodes/edge1/uploads/${id}`, { ...upload, state: 'Failed', message: 'disk full' });
  expect(await cli('node', 'support-bundle', 'edge1')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('Failed: disk full'),
  });
});

test('a migration package is written once, and taken in with what became of each node', async () => {
  const document = { format: 'wayside-migration', version: 1, accounts: [], nodes: [{}] };
  cloud.documents.set('POST /nodes/export', document);
  const nodes = [
    { name: 'a', result: 'created', reason: '', problems: [] },
    { name: 'b', result: 'refused', reason: 'it is here already', problems: [] },
  ];
  cloud.documents.set('POST /nodes/import', { nodes });
  expect((await cli('node', 'export', 'a', 'b', '-o', path('p.json'))).exitCode).toBe(0);
  expect(lastCall()?.body).toEqual({ nodes: ['a', 'b'] });
  expect((await stat(path('p.json'))).mode & 0o777).toBe(0o600);
  expect((await cli('node', 'export', '-o', path('p.json'))).stderr).toContain('EEXIST');
  const ran = await cli('node', 'import', path('p.json'), '--replace');
  expect([ran.exitCode, ran.stdout]).toEqual([1, expect.stringContaining('b: refused: it is here already')]);
  expect(lastCall()?.body).toEqual({ package: document, replace: true });
});

test('neighbours and their password go into the form, on top of what was there', async () => {
  await writeFile(path('md5'), 's3cret\n');
  await cli(
    'node',
    'create',
    'edge1',
    '--ip',
    '192.0.2.2',
    '--prefix-source',
    'bgp',
    '--bgp-neighbor',
    '192.0.2.1,64510',
  );
  expect(lastCall()?.body).toMatchObject({
    bgp: { sessions: [{ neighborAddress: '192.0.2.1', neighborAsn: 64510 }] },
  });
  const session = {
    id: 'session1',
    neighborAddress: '192.0.2.1',
    neighborAsn: 64510,
    maxPrefixes: 5,
    hasPassword: false,
  };
  const before = { localAsn: null, routerId: null, holdSecs: 900, network: 'host', sessions: [session] };
  cloud.nodes.set('edge1', { ...cloud.nodes.get('edge1'), bgp: before });
  const ran = await cli('node', 'set', 'edge1', '--bgp-password-file', path('md5'), '--proxy', 'p:3128');
  expect([ran.stderr, ran.stdout.includes('s3cret')]).toEqual(['', false]);
  expect(lastCall()?.body).toEqual({
    proxy: 'p:3128',
    bgp: { ...before, sessions: [{ ...session, password: 's3cret' }] },
  });
});

test('metrics of all nodes and of one', async () => {
  const rate = { averageMbps: 1.5, maxMbps: 20, maxAtUtc: '2026-05-05T12:00:00Z' };
  const figures = { range: '7d', cacheEfficiency: 0.9123, out: rate, in: rate, miss: rate };
  cloud.documents.set('GET /metrics', { ...figures, nodes: { total: 3, healthy: 2, unhealthy: 1 } });
  cloud.documents.set('GET /nodes/edge1/metrics', figures);
  expect((await cli('metrics', '--range', '7d')).stdout).toBe(
    [
      'nodes: 2 healthy, 1 unhealthy, 3 in all',
      'cache efficiency of 7d: 91.2 %',
      'MBIT/S      AVERAGE  MAX  AT',
      'out         1.5      20   2026-05-05T12:00:00Z',
      'in          1.5      20   2026-05-05T12:00:00Z',
      'not cached  1.5      20   2026-05-05T12:00:00Z',
      '',
    ].join('\n'),
  );
  expect((await cli('metrics', 'edge1', '--range', '7d')).stdout).not.toContain('healthy');
  expect((await cli('metrics', '--range', '2d')).exitCode).not.toBe(0);
});

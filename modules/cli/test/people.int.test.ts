// The commands of people against a real HTTPS server with a private CA.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TestCa } from '@wayside/kit/test-certificates';
import { type CloudServer, startCloudServer } from './cloud-server.ts';
import { type Ran, runCli } from './test-io.ts';

let directory: string;
let cloud: CloudServer;
let caFile: string;
let passwordFile: string;

beforeEach(async () => {
  const ca = await TestCa.create('test ca');
  directory = await mkdtemp(join(tmpdir(), 'wayside-cli-'));
  cloud = await startCloudServer(await ca.issue(['localhost', '127.0.0.1']), ca.pem);
  caFile = join(directory, 'ca.pem');
  passwordFile = join(directory, 'password');
  await writeFile(caFile, ca.pem);
  await writeFile(passwordFile, `${cloud.password}\n`);
  expect((await cli('login', cloud.url, '--password-file', passwordFile, '--ca', caFile)).exitCode).toBe(0);
});
afterEach(async () => {
  await cloud.close();
  await rm(directory, { recursive: true });
});

function cli(...args: string[]): Promise<Ran> {
  return runCli(args, { env: { WAYSIDE_CONFIG_DIR: join(directory, 'config') } });
}
const lastCall = () => cloud.asked.at(-1);

test('user list shows roles and scopes, as plain text', async () => {
  const fields = { isDisabled: false, invitedBy: '', createdAtUtc: '2026-01-01T00:00:00.000Z' };
  cloud.documents.set('GET /users', {
    users: [
      { username: 'admin', role: 'admin', scope: 'all', ...fields },
      { username: 'lon\u001b[2J', role: 'viewer', scope: { prefixes: ['lon-'], tags: { region: 'eu' } }, ...fields },
    ],
  });
  const { stdout } = await cli('user', 'list');
  expect(
    stdout
      .split('\n')
      .slice(0, 2)
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ['USER', 'ROLE', 'SCOPE', 'STATE', 'INVITED BY', 'SINCE'],
    ['admin', 'admin', 'all nodes', 'enabled', '-', '2026-01-01T00:00:00.000Z'],
  ]);
  expect(stdout).toContain('lon-*,region=eu');
  expect(stdout).not.toContain('\u001b');
});

test('user invite sends role and scope and prints the link', async () => {
  const made = { username: 'ann', role: 'viewer', scope: { prefixes: ['lon-'] }, expiresAtUtc: '2026-01-02T00:00:00Z' };
  cloud.documents.set('POST /invitations', { ...made, link: 'https://c/portal/join#wsi_x' });
  const ran = await cli('user', 'invite', 'ann', '--role', 'viewer', '--prefix', 'lon-', '--tag', 'region=eu');
  expect(ran.stdout.split('\n')[0]).toBe('https://c/portal/join#wsi_x');
  expect(lastCall()?.body).toEqual({
    ...{ username: 'ann', role: 'viewer', expiresInHours: 72 },
    scope: { prefixes: ['lon-'], tags: { region: 'eu' } },
  });
  expect((await cli('user', 'invite', '--role', 'king')).exitCode).not.toBe(0);
  expect((await cli('user', 'invite', '--role', 'viewer', '--all-nodes', '--node', 'a')).stderr).toContain(
    'one of them',
  );
});

test('user set changes what is named, user disable ends the access', async () => {
  const user = { username: 'ann', role: 'operator', scope: 'all', isDisabled: false };
  cloud.documents.set('PATCH /users/ann', user);
  expect((await cli('user', 'set', 'ann', '--role', 'operator')).stdout).toBe('ann is operator of all nodes\n');
  expect(lastCall()?.body).toEqual({ role: 'operator' });
  await cli('user', 'disable', 'ann');
  expect(lastCall()?.body).toEqual({ isDisabled: true });
  expect((await cli('user', 'set', 'ann')).exitCode).not.toBe(0);
});

test('token create prints the token alone on stdout', async () => {
  const token = { role: 'viewer', scope: 'all', expiresAtUtc: '2026-01-02T00:00:00Z', token: 'wst_1_2' };
  cloud.documents.set('POST /me/tokens', token);
  const ran = await cli('token', 'create', 'ci', '--role', 'viewer', '--days', '7');
  expect([ran.stdout, lastCall()?.body]).toEqual(['wst_1_2\n', { name: 'ci', role: 'viewer', expiresInDays: 7 }]);
});

test('join chooses a password with the token of the link', async () => {
  cloud.documents.set('POST /invitations/accept', { username: 'ann', role: 'viewer', scope: 'all' });
  const link = `${cloud.url}/portal/join#wsi_secret`;
  const ran = await cli('join', link, '--user', 'ann', '--password-file', passwordFile, '--ca', caFile);
  expect(ran.stdout).toContain('ann is viewer of all nodes');
  expect(lastCall()?.body).toEqual({ token: 'wsi_secret', username: 'ann', password: cloud.password });
  expect((await cli('join', cloud.url)).exitCode).not.toBe(0);
});

test('audit prints the newest last, with what changed', async () => {
  const entry = {
    actor: 'ann',
    credential: 'session',
    address: '192.0.2.1',
    outcome: 'done',
    status: 200,
    changes: [],
  };
  cloud.documents.set('GET /audit', {
    entries: [
      { ...entry, seq: 2, atUtc: 'T2', action: 'b', object: 'nodes/x', outcome: 'refused', status: 403 },
      { ...entry, seq: 1, atUtc: 'T1', action: 'a', object: 'nodes/x', changes: [{ path: 'p', before: 1, after: 2 }] },
    ],
    next: null,
  });
  expect((await cli('audit', '--object', 'nodes/x')).stdout).toBe(
    'T1 ann (session, 192.0.2.1) a nodes/x\n    p: 1 -> 2\nT2 ann (session, 192.0.2.1) b nodes/x refused (403)\n',
  );
});

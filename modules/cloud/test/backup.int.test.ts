import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { CloudUnderTest } from './cloud-under-test.ts';

jest.setTimeout(180_000);

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const CONFIG_INVALID = 153;
const folder = mkdtempSync(join(tmpdir(), 'wayside-backup-'));
const passphraseFile = join(folder, 'passphrase');
const file = join(folder, 'cloud.backup');
const cloud = new CloudUnderTest();
const restored = new CloudUnderTest();

interface Ran {
  code: number;
  text: string;
}

/** `wayside-cloud` as an operator runs it, over the state folder of a cloud. */
function command(of: CloudUnderTest, ...args: string[]): Promise<Ran> {
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    WAYSIDE_CLOUD_HOSTNAME: 'localhost',
    WAYSIDE_CLOUD_STATE_DIR: of.stateDir,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr });
    });
  });
}

const withPassphrase = ['--passphrase-file', passphraseFile];

/** They hold the keys of the policies. */
async function connectionStrings(of: CloudUnderTest): Promise<unknown> {
  return (await of.call('GET', '/connection-strings')).body;
}

beforeAll(async () => {
  writeFileSync(passphraseFile, 'correct horse battery\n', { mode: 0o600 });
  await cloud.start();
  await cloud.login();
  await cloud.call('POST', '/nodes', { json: { name: 'edge1', ipAddress: '192.0.2.1' } });
}, 120_000);
afterAll(async () => {
  await cloud.close();
  await restored.close();
  rmSync(folder, { recursive: true });
});

describe('wayside-cloud', () => {
  test('writes a backup while the cloud is being written to', async () => {
    let isDone = false;
    const writing = (async () => {
      for (let n = 0; !isDone; n += 1) {
        await cloud.call('PATCH', '/nodes/edge1', { json: { maxEgressMbps: 1000 + (n % 100) } });
      }
    })();
    const ran = await command(cloud, 'backup', file, ...withPassphrase);
    isDone = true;
    await writing;
    expect(ran).toMatchObject({ code: 0, text: expect.stringContaining('encrypted') });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(file);
    for (const secret of [cloud.adminSecret, 'edge1', 'PRIVATE KEY']) expect(bytes.includes(secret)).toBe(false);
    expect((await command(cloud, 'backup', file, ...withPassphrase)).text).toContain('it is there already');
    const [entry] = (await cloud.call('GET', '/audit?actor=command')).body.entries;
    expect(entry).toMatchObject({ action: 'backup', outcome: 'done' });
  });

  test('refuses a wrong passphrase, a damaged file and a state folder in use, and changes nothing', async () => {
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, 'another passphrase\n');
    expect((await command(restored, 'restore', file, '--passphrase-file', wrong)).text).toContain(
      'CLOUD_BACKUP_FAILED',
    );
    const damaged = join(folder, 'damaged');
    writeFileSync(damaged, readFileSync(file).subarray(0, -100));
    expect((await command(restored, 'restore', damaged, ...withPassphrase)).text).toContain('CLOUD_BACKUP_FAILED');
    expect(readdirSync(restored.stateDir)).toEqual([]);
    expect((await command(cloud, 'restore', file, ...withPassphrase)).text).toContain('is not empty');
  });

  test('restores a cloud that is the same: users, nodes, keys, CA', async () => {
    const ran = await command(restored, 'restore', file, ...withPassphrase);
    expect(ran).toMatchObject({ code: 0, text: expect.stringContaining('Restored') });
    for (const name of ['cloud.db', 'master-key', 'admin-secret', 'ca/ca-key.pem']) {
      expect([name, statSync(join(restored.stateDir, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
    await restored.start();
    await restored.login();
    expect(restored.ca).toBe(cloud.ca);
    expect((await restored.call('GET', '/nodes')).body.nodes.map((node: { name: string }) => node.name)).toEqual([
      'edge1',
    ]);
    expect(await connectionStrings(restored)).toEqual(await connectionStrings(cloud));
  });

  test('replaces a state folder only when told, and keeps what was there', async () => {
    await restored.stop();
    const ran = await command(restored, 'restore', file, ...withPassphrase, '--force');
    expect(ran.code).toBe(0);
    const [kept] = readdirSync(restored.stateDir).filter((name) => name.startsWith('.replaced-'));
    expect(readdirSync(join(restored.stateDir, kept ?? ''))).toEqual(
      expect.arrayContaining(['cloud.db', 'master-key']),
    );
  });

  test('makes a new master key beside a running cloud, whose secrets stay readable', async () => {
    const before = await connectionStrings(cloud);
    const keyFile = join(cloud.stateDir, 'master-key');
    const { current } = JSON.parse(readFileSync(keyFile, 'utf8'));
    expect(await command(cloud, 'rotate-key')).toMatchObject({ code: 0, text: expect.stringContaining('sealed anew') });
    expect(JSON.parse(readFileSync(keyFile, 'utf8')).current).not.toBe(current);
    expect((await cloud.call('GET', '/nodes/edge1/manifest')).status).toBe(200);
    await cloud.stop();
    expect(readFileSync(join(cloud.stateDir, 'cloud.db')).includes(`sealed:v1:${current}:`)).toBe(false);
    await cloud.start();
    await cloud.login();
    expect(await connectionStrings(cloud)).toEqual(before);
  });

  test('lets in again who is locked out', async () => {
    const { text, code } = await command(cloud, 'reset-password', 'admin');
    expect(code).toBe(0);
    const token = /#(wsi_[A-Za-z0-9_-]+)/.exec(text)?.[1];
    const password = 'a quite new password';
    const accepted = await cloud.call('POST', '/invitations/accept', { json: { token, password }, token: null });
    expect(accepted.status).toBe(201);
    const login = await cloud.call('POST', '/sessions', { json: { username: 'admin', password }, token: null });
    expect(login.status).toBe(200);
    expect((await cloud.call('GET', '/nodes')).status).toBe(401);
    expect((await command(cloud, 'reset-password', 'nobody')).text).toContain('CLOUD_USER_NOT_FOUND');
  });

  test.each([[['bake']], [['backup']], [['backup', 'x']], [['restore', 'x', '--what']]])(
    'explains itself for %j',
    async (args) => {
      const ran = await command(cloud, ...args);
      expect([ran.code, ran.text.includes('usage: wayside-cloud')]).toEqual([CONFIG_INVALID, true]);
    },
  );
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { quietLogger } from '../../test/quiet-logger.ts';
import type { Deployment } from '../reconcile/reconciler.ts';
import { type Backup, Deployments } from './deployments.ts';
import { SealedFile } from './sealed-file.ts';

let path: string;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayside-backup-'));
  path = join(folder, 'backup.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sealer = {
  encrypt: async (text: Buffer) => ({ ciphertext: text.toString('base64'), initializationVector: '' }),
  decrypt: async ({ ciphertext }: { ciphertext: string }) => Buffer.from(ciphertext, 'base64'),
};
const bench = () => {
  const handed: Deployment[] = [];
  const deployments = new Deployments({
    backup: new SealedFile<Backup>(path, sealer),
    logger: quietLogger(),
    onDeployment: (deployment) => handed.push(deployment),
  });
  return { deployments, handed };
};
const system = (image: string): JsonObject => ({
  type: 'docker',
  status: 'running',
  restartPolicy: 'always',
  settings: { image, createOptions: '' },
});
const document = (version: number, image = 'repo/a:1'): JsonObject => ({
  $version: version,
  schemaVersion: '1.0',
  runtime: { type: 'docker', settings: { minDockerVersion: '' } },
  systemModules: { edgeAgent: system('agent'), edgeHub: system('hub') },
  modules: { a: { ...system(image), version: '1' } },
});

test('a good deployment is handed on, backed up, and read back by the next process', async () => {
  const first = bench();
  await first.deployments.accept(document(3));
  expect(first.handed).toMatchObject([
    { version: 3, desired: { deploymentVersion: 3, edgeAgent: { image: 'agent:latest' } } },
  ]);
  const second = bench();
  expect(await second.deployments.startFromBackup()).toBe(true);
  expect(second.handed).toEqual(first.handed);
});

test('a bad one is refused with its code and does not touch the backup', async () => {
  const { deployments, handed } = bench();
  await deployments.accept(document(3));
  const kept = await readFile(path, 'utf8');
  await deployments.accept({ $version: 4, schemaVersion: '9.9' });
  await deployments.accept({ $version: 5 });
  expect(handed.slice(1)).toMatchObject([
    { version: 4, failure: { code: 412 } },
    { version: 5, failure: { code: 417 } },
  ]);
  expect(await readFile(path, 'utf8')).toBe(kept);
});

test('the same document again is no news', async () => {
  const { deployments, handed } = bench();
  await deployments.accept(document(3));
  await deployments.accept(document(3));
  expect(handed).toHaveLength(1);
});

test('the backup does not outrank a twin that was quicker', async () => {
  await bench().deployments.accept(document(3));
  const { deployments, handed } = bench();
  await Promise.all([deployments.accept(document(4, 'repo/a:2')), deployments.startFromBackup()]);
  expect(handed.at(-1)).toMatchObject({ version: 4 });
});

test.each([
  ['no JSON', 'x'],
  ['nothing sealed in it', '{}'],
  ['sealed text that is no JSON', '{"ciphertext":"eHg=","initializationVector":""}'],
])('a backup with %s is an error by its own code', async (_what, text) => {
  await writeFile(path, text);
  await expect(bench().deployments.startFromBackup()).rejects.toMatchObject({ code: 'AGENT_BACKUP_INVALID' });
});

test('without a backup nothing is handed on', async () => {
  const { deployments, handed } = bench();
  expect(await deployments.startFromBackup()).toBe(false);
  expect(handed).toEqual([]);
});

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openStore } from './open-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wayside-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('openStore() makes the file for its owner only and finds its rows again', async () => {
  const path = join(folder, 'deeper', 'cloud.db');
  const first = await openStore(path);
  await first.insertInto('policy').values({ name: 'x', primary_key: 'p', secondary_key: 's' }).execute();
  await first.destroy();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const second = await openStore(path);
  expect(await second.selectFrom('policy').select('name').execute()).toEqual([{ name: 'x' }]);
  await second.destroy();
});

test('openStore() refuses a file that is no database and leaves it as it is', async () => {
  const path = join(folder, 'cloud.db');
  writeFileSync(path, 'this is no database, but somebody may want it back'.repeat(100));
  const before = readFileSync(path);
  await expect(openStore(path)).rejects.toMatchObject({
    code: 'CLOUD_STORE_FAILED',
    message: expect.stringContaining(path),
  });
  expect(readFileSync(path)).toEqual(before);
});

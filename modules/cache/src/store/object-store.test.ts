import { mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import type { CacheObject } from './cache-object.ts';
import type { ObjectMeta } from './object-meta.ts';
import { ObjectStore } from './object-store.ts';

const META: ObjectMeta = { headers: {}, requestAtMs: 0, responseAtMs: 0, host: 'h', ranged: true };
let directory: string;
let store: ObjectStore;

const open = () => {
  store = new ObjectStore([{ path: directory, sizeBytes: 64 * 1024 * 1024 }], silentLogger);
  store.start();
};
const found = (key: string) => store.find(key) as CacheObject;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wayside-store-'));
  open();
});

afterEach(() => {
  store.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('files that were evicted or deleted meanwhile take no drive out', async () => {
  const keys = Array.from({ length: 8 }, (_, i) => `key${i}`);
  for (const key of keys) await store.create(key, 100, META);
  store.stop();
  open();
  for (const key of keys) {
    const object = found(key);
    unlinkSync(object.drive.objectPath(object.id));
    expect(await store.ensureOpen(object)).toBe(false);
  }
  expect(store.drives[0]?.isUp).toBe(true);
});

test('an object that is dropped while its file is opened is not served and keeps no file open', async () => {
  await store.create('key', 100, META);
  store.stop();
  open();
  const object = found('key');
  const isOpen = store.ensureOpen(object);
  await store.drop(object);
  expect(await isOpen).toBe(false);
  expect(object.fd).toBe(-1);
});

test('a drive that comes back gives no id twice: a reader may still have the first file open', async () => {
  const before = await store.create('before', 100, META);
  const [drive] = store.drives;
  drive?.fail(new Error('gone'));
  drive?.start();
  const after = await store.create('after', 100, META);
  expect(after?.id).toBeGreaterThan(before?.id as number);
});

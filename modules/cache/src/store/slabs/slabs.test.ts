// Bodies of small objects: where they lie, what a restart, a purge and damage make of them.

import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import type { CacheObject } from '../cache-object.ts';
import type { Drive } from '../drive.ts';
import type { ObjectMeta } from '../object-meta.ts';
import { ObjectStore } from '../object-store.ts';
import { SLAB_BODY_BYTES_MAX, SlabFiles } from './slab-files.ts';

const META: ObjectMeta = { headers: {}, requestAtMs: 0, responseAtMs: 0, host: 'h', ranged: true };
let root: string;
let store: ObjectStore;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wayside-slabs-'));
  mkdirSync(join(root, 'drive'));
  store = openStore();
});
afterEach(async () => {
  await store.settle();
  store.stop();
  rmSync(root, { recursive: true, force: true });
});

function openStore(): ObjectStore {
  const opened = new ObjectStore([{ path: join(root, 'drive'), sizeBytes: 64e6 }], silentLogger);
  opened.start();
  return opened;
}

async function reopen({ isKilled = false } = {}): Promise<void> {
  await store.settle();
  if (isKilled) driveOf().flush();
  store.stop();
  // What a killed process leaves: no mark of a clean end.
  store = openStore();
  if (isKilled) driveOf().index.setState({ clean: 0 });
}

const driveOf = () => store.drives[0] as Drive;
const bodyOf = (seed: number, bytes = 4096) => Buffer.alloc(bytes, `${seed}-`);

async function put(key: string, body: Buffer): Promise<CacheObject> {
  const object = (await store.createSmall(key, body.length, META)) as CacheObject;
  await store.publish(object, body);
  return object;
}

async function bodyNow(key: string): Promise<string | undefined> {
  const object = store.find(key);
  if (object === undefined || !(await store.ensureOpen(object))) return undefined;
  return object.hotBody?.toString();
}

const slabs = () => readdirSync(join(root, 'drive', 'slabs')).sort();
const slabBytes = () =>
  slabs().reduce((sum, name) => sum + statSync(join(root, 'drive', 'slabs', name)).blocks * 512, 0);

describe('small objects', () => {
  test('are served from memory at once, and from their place after a restart; no file is made for one', async () => {
    const bodies = [1, 2, 3].map((seed) => bodyOf(seed, 1000 * seed));
    for (const [i, body] of bodies.entries()) {
      const object = await put(`k${i}`, body);
      expect([object.isOpen, object.fd, object.hotBody?.equals(body)]).toEqual([true, -1, true]);
    }
    await reopen();
    for (const [i, body] of bodies.entries()) expect(await bodyNow(`k${i}`)).toBe(body.toString());
    expect(readdirSync(join(root, 'drive', 'objects'))).toEqual([]);
    expect(driveOf().index.totals()).toMatchObject({ objects: 3, storedBytes: 3 * 4096 });
  });

  test('are in the index when whenStored() says so, though they are written a moment later', async () => {
    const object = await put('a', bodyOf(1));
    expect(driveOf().index.find('a')).toBeUndefined();
    expect(await store.whenStored(object)).toBe(true);
    expect(driveOf().index.find('a')?.place).toBe(object.place);
  });

  test('whose body left memory before it was written are served all the same', async () => {
    const object = await put('a', bodyOf(1));
    store.hotBodies.dropAll();
    expect([object.isOpen, await bodyNow('a')]).toEqual([false, bodyOf(1).toString()]);
  });

  test('that were dropped give their room back, before and after their write', async () => {
    const before = driveOf().usedBytes;
    const early = await put('a', bodyOf(1));
    await store.drop(early);
    const kept = await put('b', bodyOf(2));
    const late = await put('c', bodyOf(3));
    await store.settle();
    expect(slabBytes()).toBe(2 * 4096);
    await store.drop(late);
    expect([driveOf().usedBytes - before, slabBytes(), await bodyNow('b')]).toEqual([
      4096,
      4096,
      kept.hotBody?.toString(),
    ]);
    await reopen();
    expect([store.find('a'), store.find('c')]).toEqual([undefined, undefined]);
    await driveOf().removeRow(driveOf().findRow('b') as { id: number; storedBytes: number });
    expect(slabBytes()).toBe(0);
  });

  test('that are damaged on the drive are dropped instead of served', async () => {
    const object = await put('a', bodyOf(1));
    await reopen();
    const fd = openSync(join(root, 'drive', 'slabs', slabs()[0] as string), 'r+');
    writeSync(fd, 'x', (object.place % 2 ** 32) + 100);
    closeSync(fd);
    expect([await bodyNow('a'), store.find('a'), store.loader.corruptChunks]).toEqual([undefined, undefined, 1]);
  });

  test('are written however many come at once, and however they come', async () => {
    for (const many of [300, 1, 256, 2]) {
      const objects: CacheObject[] = [];
      for (let i = 0; i < many; i += 1) objects.push(await put(`${many}/${i}`, bodyOf(i, 20)));
      expect(await store.whenStored(objects.at(-1) as CacheObject)).toBe(true);
      expect(objects.every(({ place, unwritten }) => place >= 0 && unwritten === null)).toBe(true);
    }
    expect(driveOf().index.totals().objects).toBe(559);
  });

  test('larger ones and empty ones have a file of their own', async () => {
    expect(await store.createSmall('a', SLAB_BODY_BYTES_MAX + 1, META)).toBeUndefined();
    expect(await store.createSmall('b', 0, META)).toBeUndefined();
  });

  test('a newer one takes the place of the one before', async () => {
    await put('a', bodyOf(1));
    await store.settle();
    await put('a', bodyOf(2));
    await reopen();
    expect([await bodyNow('a'), driveOf().objectCount]).toEqual([bodyOf(2).toString(), 1]);
    expect(slabBytes()).toBe(4096);
  });

  test('while the drive is out nobody gets them, and they are back with it', async () => {
    const object = await put('a', bodyOf(1));
    expect(await store.whenStored(object)).toBe(true);
    driveOf().fail(new Error('gone'));
    expect([store.find('a'), await store.createSmall('b', 10, META)]).toEqual([undefined, undefined]);
    expect(driveOf().start()).toBe(true);
    expect(await bodyNow('a')).toBe(bodyOf(1).toString());
  });
});

test('after an unclean end the sweep punches what no row knows, and deletes slabs without anything', async () => {
  await put('lost', bodyOf(1));
  await reopen({ isKilled: true });
  await store.drop(store.find('lost') as CacheObject);
  const kept = await put('kept', bodyOf(2));
  expect(await store.whenStored(kept)).toBe(true);
  // A body that was written and never came into the index.
  const files = new SlabFiles(join(root, 'drive'));
  files.start(4096);
  const [place = 0] = await files.append([bodyOf(3)]);
  await files.close();
  expect(statSync(files.pathOf(place)).blocks * 512).toBe(4096);
  await reopen({ isKilled: true });
  store.stop();
  store = openStore();
  driveOf().index.setState({ clean: 0 });
  driveOf().fail(new Error('again'));
  driveOf().start();
  expect(await driveOf().sweepOrphans(new AbortController().signal)).toBeGreaterThan(0);
  expect([await bodyNow('kept'), slabs().length, slabBytes()]).toEqual([bodyOf(2).toString(), 1, 4096]);
});

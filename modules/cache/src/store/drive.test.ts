import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import type { CacheObject } from './cache-object.ts';
import { CHUNK_BYTES } from './chunk-map.ts';
import type { Drive } from './drive.ts';
import { LAYOUT_VERSION } from './drive-layout.ts';
import { INDEX_MIGRATIONS } from './index-schema.ts';
import type { ObjectMeta } from './object-meta.ts';
import { ObjectStore } from './object-store.ts';

const MIB = 1024 * 1024;
const metaAt = (responseAtMs: number): ObjectMeta => ({
  headers: {},
  requestAtMs: 0,
  responseAtMs,
  host: 'h',
  ranged: true,
});
let root: string;
let store: ObjectStore;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wayside-drive-'));
});

afterEach(() => {
  store.stop();
  rmSync(root, { recursive: true, force: true });
});

function openStore(capBytes = 64 * MIB, names: readonly string[] = ['one']): Drive[] {
  for (const name of names) mkdirSync(join(root, name), { recursive: true });
  store = new ObjectStore(
    names.map((name) => ({ path: join(root, name), sizeBytes: capBytes })),
    silentLogger,
  );
  store.start();
  return [...store.drives];
}

function reopen(capBytes?: number, names?: readonly string[]): Drive[] {
  store.stop();
  return openStore(capBytes, names);
}

const bodyOf = (bytes: number, seed = 7) => Buffer.alloc(bytes, seed);

/** An object with all its bytes, as a fill leaves it; undefined when there was no room. */
async function put(key: string, body: Buffer, meta = metaAt(0)): Promise<CacheObject | undefined> {
  const object = await store.create(key, body.length, meta);
  if (object === undefined || !(await object.drive.reserve(object, 0, object.chunks.count))) return undefined;
  object.retain();
  writeSync(object.fd, body, 0, body.length, 0);
  for (let chunk = 0; chunk < object.chunks.count; chunk += 1) {
    object.completeChunk(chunk, crc32(body.subarray(chunk * CHUNK_BYTES, object.chunks.chunkEnd(chunk))), 1);
  }
  object.release();
  return object;
}

function diskBytes(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const found = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes;
}

describe('room', () => {
  test('the cap holds at every moment, index and folders included, whatever the sizes', async () => {
    const cap = 12 * MIB;
    const [drive] = openStore(cap) as [Drive];
    for (let i = 0; i < 120; i += 1) {
      expect(await put(`key${i}`, bodyOf([1, 5000, 300_000, MIB + 1][i % 4] as number))).toBeDefined();
      if (i % 10 === 9) expect(diskBytes(drive.path)).toBeLessThanOrEqual(cap);
    }
    expect(drive.usedBytes).toBeLessThanOrEqual(cap);
    expect(diskBytes(drive.path)).toBeGreaterThan(cap / 3);
    expect(drive.evictedObjects).toBeGreaterThan(10);
    expect(store.find('key119')).toBeDefined();
  });

  test('a deleted file counts for as long as a reader has it open', async () => {
    const [drive] = openStore() as [Drive];
    const object = (await put('key', bodyOf(MIB))) as CacheObject;
    object.retain();
    const before = drive.usedBytes;
    await store.drop(object);
    expect(drive.usedBytes).toBe(before);
    const isFree = new Promise<void>((resolve) => {
      const look = () => (drive.usedBytes < before ? resolve() : setImmediate(look));
      look();
    });
    object.release();
    await isFree;
    expect(drive.usedBytes).toBe(before - MIB);
  });

  test('what a broken transfer was promised is given back once nobody reads it', async () => {
    const [drive] = openStore() as [Drive];
    const object = (await store.create('key', 4 * MIB, metaAt(0))) as CacheObject;
    const empty = drive.usedBytes;
    await drive.reserve(object, 0, 4);
    writeSync(object.fd, bodyOf(MIB + 300_000), 0, MIB + 300_000, 0);
    object.completeChunk(0, crc32(bodyOf(MIB)), 1);
    object.retain();
    drive.flush();
    expect(drive.usedBytes).toBe(empty + 4 * MIB);
    object.release();
    drive.markDirty(object);
    drive.flush();
    expect(drive.usedBytes).toBe(empty + MIB);
    expect([object.storedBytes, drive.files.objectBytes(object.id)]).toEqual([MIB, MIB]);
    expect(await drive.reserve(object, 1, 2)).toBe(true);
    expect(drive.usedBytes).toBe(empty + 2 * MIB);
  });

  test('with all of it in use nothing is promised, and it takes more once something is free', async () => {
    const [drive] = openStore(8 * MIB) as [Drive];
    const held: CacheObject[] = [];
    for (let i = 0; ; i += 1) {
      const object = await put(`key${i}`, bodyOf(MIB));
      if (object === undefined) break;
      object.retain();
      held.push(object);
    }
    expect(drive.takesMore).toBe(false);
    expect(await store.create('more', 100, metaAt(0))).toBeUndefined();
    for (const object of held) object.release();
    await drive.probe();
    expect(drive.takesMore).toBe(true);
    expect(await put('more', bodyOf(MIB))).toBeDefined();
  });
});

describe('a restart', () => {
  test('content, totals and what was used lately are known without looking at a file', async () => {
    openStore();
    for (let i = 0; i < 20; i += 1) await put(`key${i}`, bodyOf(5000, i));
    store.touch(store.find('key3') as CacheObject);
    const [drive] = reopen() as [Drive];
    expect(drive.index.totals()).toMatchObject({ objects: 20, storedBytes: 20 * 8192 });
    expect(drive.sieve.visitedCount).toBe(1);
    const found = store.find('key3') as CacheObject;
    expect([found.chunks.isComplete, found.chunks.crc(0), drive.isVisited(found)]).toEqual([
      true,
      crc32(bodyOf(5000, 3)),
      true,
    ]);
  });

  test('objects above 64 chunks keep all their pages', async () => {
    openStore(1024 * MIB);
    const object = (await store.create('large', 130 * MIB, metaAt(0))) as CacheObject;
    for (const chunk of [0, 63, 64, 129]) object.completeChunk(chunk, 1000 + chunk, 1);
    reopen(1024 * MIB);
    const { chunks } = store.find('large') as CacheObject;
    expect([0, 1, 63, 64, 128, 129].map((chunk) => [chunks.has(chunk), chunks.crc(chunk)])).toEqual([
      [true, 1000],
      [false, 0],
      [true, 1063],
      [true, 1064],
      [false, 0],
      [true, 1129],
    ]);
  });

  test('committed() is the moment from which an object outlives the process', async () => {
    const [drive] = openStore() as [Drive];
    const told: string[] = [];
    store.onStored = (object) => told.push(object.key);
    const object = (await put('key', bodyOf(100))) as CacheObject;
    expect(drive.index.find('key')).toBeUndefined();
    expect(await store.whenStored(object)).toBe(true);
    expect([drive.index.find('key')?.storedBytes, told]).toEqual([4096, ['key']]);
  });
});

describe('layout', () => {
  function makeVersion1(): void {
    openStore();
    store.stop();
    const path = join(root, 'one');
    for (const file of readdirSync(path)) rmSync(join(path, file), { recursive: true });
    mkdirSync(join(path, 'objects', '01'), { recursive: true });
    writeFileSync(join(path, 'wayside-drive.json'), '{"format":"wayside-cache","version":1}');
    writeFileSync(join(path, 'objects', '01', '1'), bodyOf(5000));
    const db = new DatabaseSync(join(path, 'index.db'));
    db.exec(`${INDEX_MIGRATIONS[0]}; PRAGMA user_version = 1`);
    db.prepare('INSERT INTO object VALUES (1, ?, 5000, 8192, 0, ?)').run('old', JSON.stringify(metaAt(5)));
    const crc = Buffer.alloc(4);
    crc.writeUInt32LE(crc32(bodyOf(5000)));
    db.prepare('INSERT INTO page VALUES (1, 0, ?, ?)').run(Buffer.from([1]), crc);
    db.close();
  }

  test('a drive of version 1 opens with its content and is marked anew', async () => {
    makeVersion1();
    const [drive] = openStore() as [Drive];
    const object = store.find('old') as CacheObject;
    expect([object.chunks.isComplete, object.chunks.crc(0), object.meta.responseAtMs]).toEqual([
      true,
      crc32(bodyOf(5000)),
      5,
    ]);
    expect(drive.index.totals()).toEqual({ objects: 1, storedBytes: 8192, maxId: 1 });
    const marker = JSON.parse(readFileSync(join(drive.path, 'wayside-drive.json'), 'utf8'));
    expect(marker).toMatchObject({ version: LAYOUT_VERSION, id: expect.any(String) });
    // Changed once, it is as new ones are.
    object.completeChunk(0, 99, 1);
    reopen();
    expect((store.find('old') as CacheObject).chunks.crc(0)).toBe(99);
  });

  test('a marker that a power cut left empty is written again', async () => {
    openStore();
    await put('key', bodyOf(100));
    store.stop();
    writeFileSync(join(root, 'one', 'wayside-drive.json'), '');
    openStore();
    expect(store.find('key')).toBeDefined();
  });

  test("another program's marker is left alone", () => {
    mkdirSync(join(root, 'one'));
    writeFileSync(join(root, 'one', 'wayside-drive.json'), '{"format":"other","version":1}');
    const [drive] = openStore() as [Drive];
    expect([drive.isUp, drive.issue, readdirSync(drive.path)]).toEqual([false, 'Other', ['wayside-drive.json']]);
  });
});

describe('a drive that was out', () => {
  test('what was dropped does not come back with it', async () => {
    const [drive] = openStore() as [Drive];
    const object = (await put('key', bodyOf(100))) as CacheObject;
    drive.flush();
    const dropping = store.drop(object);
    drive.fail(new Error('gone'));
    await dropping;
    expect(drive.start()).toBe(true);
    expect(store.find('key')).toBeUndefined();
  });

  test('of two versions on two drives the newer one counts, wherever it lies', async () => {
    const [one, two] = openStore(64 * MIB, ['one', 'two']) as [Drive, Drive];
    await put('key', bodyOf(100), metaAt(1000));
    const holder = store.find('key')?.drive === one ? one : two;
    holder.flush();
    holder.fail(new Error('gone'));
    await put('key', bodyOf(100), metaAt(2000));
    holder.start();
    reopen(64 * MIB, ['one', 'two']);
    expect((store.find('key') as CacheObject).meta.responseAtMs).toBe(2000);
  });
});

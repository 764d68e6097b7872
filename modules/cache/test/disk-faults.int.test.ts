// Must show, line 3, the disk half: bytes flipped, files lost, disks full, failing, read-only, gone, swapped. Every byte that any client gets is
// right; every failure is a 5xx or a short body; a drive that works again is back by itself, with its content.

import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Drive } from '../src/store/drive.ts';
import { draw, faultOf } from './killed-cache.ts';
import { eventually, HOST, TestCache } from './test-cache.ts';
import { TestDisk, whyNoDisks } from './test-disk.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
const WAIT_MS = 90_000;
/** A client gives a cache up after so many failures; they come in less than a second here. */
const RESUMES_MAX = 20;
const RESUME_PAUSE_MS = 20;
let origin: TestOrigin;
let cache: TestCache | undefined;
let serial = 0;
const disks: TestDisk[] = [];
const noDisks = whyNoDisks();
if (noDisks !== null) process.stderr.write(`skipped: faults of real disks (${noDisks})\n`);

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
}, 30_000);

afterAll(() => origin.stop());

afterEach(async () => {
  await cache?.stop();
  cache = undefined;
  for (const disk of disks.splice(0)) disk.remove();
}, WAIT_MS);

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Item {
  path: string;
  truth: Buffer;
}

/** New objects at the origin. */
function items(count: number, sizeOf: (i: number) => number): Item[] {
  serial += 1;
  return Array.from({ length: count }, (_, i) => {
    const path = `/disk/${serial}/${i}`;
    return { path, truth: origin.add(path, sizeOf(i)) };
  });
}

function newDisk(sizeMib: number, at?: string): TestDisk {
  const disk = new TestDisk(sizeMib, at);
  disks.push(disk);
  return disk;
}

async function start(drives: string): Promise<TestCache> {
  cache = await TestCache.start(origin, { CACHE_DRIVES: drives });
  return cache;
}

const driveOf = (number = 0) => cache?.node.store.drives[number] as Drive;
const targetOf = (path: string) => `${path}?cacheHostOrigin=${HOST}`;

/** Draws all; the results in order. Fails on any wrong byte. */
async function drawAll(wanted: readonly Item[]): Promise<(string | undefined)[]> {
  const results: (string | undefined)[] = [];
  for (const { path, truth } of wanted) {
    const drawn = await draw(cache?.port as number, targetOf(path));
    expect([path, faultOf(drawn, truth)]).toEqual([path, undefined]);
    expect([path, drawn.status, drawn.isWhole]).toEqual([path, 200, true]);
    results.push(drawn.result);
  }
  return results;
}

/** Draws one object as a real client does: goes on where it was cut, tries again after a 5xx. Answers requests that failed. */
async function drawResumed({ path, truth }: Item, isOver: () => boolean = () => false): Promise<number> {
  const seen: string[] = [];
  for (let at = 0; at < truth.length && !isOver(); ) {
    const drawn = await draw(cache?.port as number, targetOf(path), { Range: `bytes=${at}-` });
    expect([path, at, faultOf(drawn, truth, at)]).toEqual([path, at, undefined]);
    if (drawn.status === 206) at += drawn.body.length;
    if (drawn.isWhole && drawn.status === 206) continue;
    seen.push(`${drawn.status} ${drawn.result} ${drawn.body.length}`);
    if (seen.length > RESUMES_MAX) throw new Error(`${path} of ${truth.length} could not be had: ${seen.join(', ')}`);
    await pause(RESUME_PAUSE_MS);
  }
  return seen.length;
}

/** Clients that go on drawing until the work is done; nobody may see a wrong byte. Answers requests that failed. */
async function drawDuring(wanted: readonly Item[], work: () => Promise<void>): Promise<number> {
  let isOver = false;
  let failures = 0;
  const client = async (number: number) => {
    for (let i = number; !isOver; i += 1)
      failures += await drawResumed(wanted[i % wanted.length] as Item, () => isOver);
  };
  const clients = Promise.all([0, 1, 2, 3].map(client));
  try {
    await Promise.race([work(), clients]);
  } finally {
    isOver = true;
    await clients;
  }
  return failures;
}

/** The files of stored objects, largest first. */
async function filesOf(directory: string): Promise<string[]> {
  const found: { path: string; size: number }[] = [];
  for (const entry of await readdir(join(directory, 'objects'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // It may be swept at this moment.
    const size = await stat(path).then(
      (facts) => facts.size,
      () => -1,
    );
    if (size >= 0) found.push({ path, size });
  }
  return found.sort((a, b) => b.size - a.size).map(({ path }) => path);
}

async function flip(path: string, at: number): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r+');
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] as number) ^ 0x40;
    await file.write(byte, 0, 1, at);
  } finally {
    await file?.close();
  }
}

/** Longer than the cache believes in a file's times without looking. */
const untilLookedAgain = () => pause(250);

describe('damage on disk', () => {
  let directory: string;
  let wanted: Item[];

  async function stored(): Promise<string[]> {
    directory = await mkdtemp(join(tmpdir(), 'wayside-damage-'));
    await start(`${directory},1`);
    wanted = items(8, (i) => [20_000, 300_000, 3 * MIB + 5, MIB][i % 4] as number);
    await drawAll(wanted);
    expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
    return filesOf(directory);
  }

  afterEach(() => rm(directory, { recursive: true, force: true }));

  test(
    'bytes flipped while the cache runs: each is found, fetched again, and only that chunk',
    async () => {
      const files = await stored();
      for (const path of files) await flip(path, Math.floor((await stat(path)).size / 2));
      await untilLookedAgain();
      const before = origin.sentBytes;
      await drawAll(wanted);
      expect(cache?.node.loader.corruptChunks).toBe(wanted.length);
      // 2 x (the whole of the three that have one chunk, one chunk of four)
      expect(origin.sentBytes - before).toBeLessThanOrEqual(2 * (20_000 + 300_000 + MIB + MIB));
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
    },
    WAIT_MS,
  );

  test(
    'bytes flipped, files cut, lost, swapped and emptied while it is stopped',
    async () => {
      const files = await stored();
      await cache?.node.stop();
      await flip(files[0] as string, 7);
      await flip(files[0] as string, 2 * MIB);
      await truncate(files[1] as string, 100);
      await unlink(files[2] as string);
      await writeFile(files[4] as string, '');
      const [one, other] = [files[5] as string, files[6] as string];
      const bytes = await readBytes(one);
      await writeFile(one, await readBytes(other));
      await writeFile(other, bytes);
      await cache?.open();
      await cache?.node.settings.take({ origins: { test: { hosts: HOST, url: origin.url } } });
      await drawAll(wanted);
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
      expect(driveOf().isUp).toBe(true);
    },
    WAIT_MS,
  );

  test(
    'an index that is garbage: the drive starts empty, the old files go',
    async () => {
      await stored();
      await cache?.node.stop();
      await writeFile(join(directory, 'index.db'), Buffer.alloc(50_000, 'garbage '));
      await rm(join(directory, 'index.db-wal'), { force: true });
      await cache?.open();
      await cache?.node.settings.take({ origins: { test: { hosts: HOST, url: origin.url } } });
      await eventually(async () => (await filesOf(directory)).length === 0, WAIT_MS);
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'MISS'));
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
    },
    WAIT_MS,
  );

  test(
    'a store of a newer version is refused, nothing on it is touched, content passes through',
    async () => {
      await stored();
      await cache?.node.stop();
      const marker = join(directory, 'wayside-drive.json');
      await writeFile(marker, JSON.stringify({ format: 'wayside-cache', version: 4, id: 'x' }));
      const look = async () =>
        Promise.all(
          (await readdir(directory)).sort().map(async (name) => {
            const { size, mtimeMs } = await stat(join(directory, name));
            return [name, size, mtimeMs];
          }),
        );
      const before = await look();
      await cache?.open();
      await cache?.node.settings.take({ origins: { test: { hosts: HOST, url: origin.url } } });
      expect(driveOf().issue).toBe('Other');
      expect(driveOf().issueText).toContain('its layout has version 4, wanted at most 3');
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'BYPASS'));
      expect(await look()).toEqual(before);
    },
    WAIT_MS,
  );
});

async function readBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

(noDisks === null ? describe : describe.skip)('real disks', () => {
  test(
    'a disk that others fill: no request fails, what is stored stays, the issue is named and goes',
    async () => {
      const disk = newDisk(80);
      await start(`${disk.path},0.05`);
      const first = items(10, () => MIB);
      await drawAll(first);
      disk.fill(256 * 1024);
      await driveOf().probe();
      expect(driveOf().issue).toBe('DriveTooSmall');
      expect(await drawAll(first)).toEqual(first.map(() => 'HIT'));
      // New content takes the place of old: the drive keeps to what there is.
      const second = items(20, (i) => (i % 2 === 0 ? MIB : 30_000));
      await drawAll(second);
      expect(await drawAll(second.slice(-4))).toEqual(['HIT', 'HIT', 'HIT', 'HIT']);
      expect(driveOf().isUp).toBe(true);
      disk.empty();
      await eventually(() => driveOf().issue === null, WAIT_MS);
      const third = items(5, () => MIB);
      await drawAll(third);
      expect(await drawAll(third)).toEqual(third.map(() => 'HIT'));
    },
    WAIT_MS,
  );

  test(
    'a disk that is filled while clients draw: right bytes or a cut that they resume',
    async () => {
      const disk = newDisk(100);
      await start(`${disk.path},0.08`);
      const wanted = items(40, (i) => (i % 4 === 0 ? 3 * MIB : 200_000));
      await drawDuring(wanted, async () => {
        await eventually(() => driveOf().usedBytes > 8 * MIB, WAIT_MS);
        for (let i = 0; i < 4; i += 1) {
          disk.fill(i * 200_000);
          await untilLookedAgain();
          disk.empty();
          await untilLookedAgain();
        }
        disk.fill(0);
        await untilLookedAgain();
      });
      disk.empty();
      await driveOf().probe();
      expect(driveOf().isUp).toBe(true);
      await drawAll(wanted);
    },
    2 * WAIT_MS,
  );

  test(
    'a disk that fails under load is out, the other serves on, and it is back with its content',
    async () => {
      const [bad, good] = [newDisk(80), newDisk(80)];
      await start(`${bad.path},0.06,${good.path},0.06`);
      const wanted = items(24, (i) => (i % 3 === 0 ? 2 * MIB : 100_000));
      await drawAll(wanted);
      await cache?.node.store.drives[0]?.committed();
      bad.sync();
      await drawDuring([...wanted, ...items(30, () => 150_000)], async () => {
        bad.fail();
        await eventually(() => !driveOf(0).isUp, WAIT_MS);
      });
      expect([driveOf(0).issue, driveOf(1).issue]).toEqual(['DriveInputOutputError', null]);
      expect(cache?.node.reporter.tick().drives.map(({ state, issue }) => [state, issue])).toEqual([
        ['failed', 'DriveInputOutputError'],
        ['ok', null],
      ]);
      // All of it, from the other drive or the origin.
      await drawAll(wanted);
      await bad.unmount();
      bad.mount();
      await eventually(() => driveOf(0).isUp, WAIT_MS);
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
      expect(driveOf(0).objectCount).toBeGreaterThan(0);
    },
    2 * WAIT_MS,
  );

  test(
    'sectors that cannot be read cost their chunks only',
    async () => {
      const disk = newDisk(80);
      await start(`${disk.path},0.06`);
      const wanted = items(6, () => 4 * MIB);
      await drawAll(wanted);
      await driveOf().committed();
      disk.loseSectors(26);
      for (const item of wanted) await drawResumed(item);
      expect(cache?.node.loader.readErrors).toBeGreaterThan(0);
      await eventually(() => driveOf().isUp, WAIT_MS);
      for (const item of wanted) await drawResumed(item);
    },
    WAIT_MS,
  );

  test(
    'a disk that turns read-only is out as DrivePermission, and back when it can be written',
    async () => {
      const disk = newDisk(80);
      await start(`${disk.path},0.06`);
      const wanted = items(6, () => MIB);
      await drawAll(wanted);
      await driveOf().committed();
      disk.sync();
      disk.makeReadOnly();
      await eventually(() => !driveOf().isUp, WAIT_MS);
      expect(driveOf().issue).toBe('DrivePermission');
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'BYPASS'));
      await disk.unmount();
      disk.mount();
      await eventually(() => driveOf().isUp, WAIT_MS);
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
    },
    2 * WAIT_MS,
  );

  test(
    'a disk that is not mounted any more is missed, not replaced by the folder below',
    async () => {
      const disk = newDisk(80);
      await start(`${disk.path},0.06`);
      const wanted = items(4, () => MIB);
      await drawAll(wanted);
      await driveOf().committed();
      disk.detach();
      await eventually(() => !driveOf().isUp, WAIT_MS);
      expect(driveOf().issue).toBe('DriveNotFound');
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'BYPASS'));
      await driveOf().probe();
      expect(driveOf().issueText).toContain('nothing is mounted');
      expect(await readdir(disk.path)).toEqual([]);
      disk.mount();
      await eventually(() => driveOf().isUp, WAIT_MS);
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
    },
    2 * WAIT_MS,
  );

  test(
    'another disk on the same path: its own content is served, and the first one has its own when it is back',
    async () => {
      const root = await mkdtemp(join(tmpdir(), 'wayside-swap-'));
      await mkdir(join(root, 'at'));
      const [first, second] = [newDisk(80, join(root, 'at')), newDisk(80, join(root, 'at'))];
      first.mount();
      await start(`${first.path},0.06`);
      const wanted = items(4, () => MIB);
      await drawAll(wanted);
      await driveOf().committed();
      const swap = async (from: TestDisk, to: TestDisk) => {
        from.detach();
        to.mount();
        await driveOf().probe();
        await eventually(() => driveOf().isUp, WAIT_MS);
      };
      await swap(first, second);
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'MISS'));
      await driveOf().committed();
      await swap(second, first);
      expect(await drawAll(wanted)).toEqual(wanted.map(() => 'HIT'));
      await cache?.stop();
      cache = undefined;
      first.detach();
      await rm(root, { recursive: true });
    },
    2 * WAIT_MS,
  );

  test(
    'a file system that is smaller than the cap is out as DriveTooSmall',
    async () => {
      const disk = newDisk(40);
      await start(`${disk.path},0.06`);
      expect([driveOf().isUp, driveOf().issue]).toEqual([false, 'DriveTooSmall']);
      expect(await drawAll(items(1, () => 1000))).toEqual(['BYPASS']);
    },
    WAIT_MS,
  );
});

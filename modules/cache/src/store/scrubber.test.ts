import { closeSync, mkdtempSync, openSync, readSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import type { CacheObject } from './cache-object.ts';
import { CHUNK_BYTES } from './chunk-map.ts';
import type { Drive } from './drive.ts';
import { ObjectStore } from './object-store.ts';
import { IDLE_BYTES_PER_SEC_MAX, PASS_PAUSE_MS, SCRUB_BYTES_PER_SEC, Scrubber, scrubPosition } from './scrubber.ts';

const META = { headers: {}, requestAtMs: 0, responseAtMs: 0, host: 'h', ranged: true };
const LARGE_BYTES = CHUNK_BYTES + 5000;
let directory: string;
let store: ObjectStore;
let clock: FakeClock;
let scrubber: Scrubber;
let trafficBytes: number;
let lost: string[];

function open(): void {
  store = new ObjectStore([{ path: directory, sizeBytes: 64 * 1024 * 1024 }], silentLogger);
  store.start();
  lost = [];
  scrubber = new Scrubber({
    drives: store.drives,
    find: (key) => store.find(key),
    trafficBytes: () => trafficBytes,
    onLost: (object, chunk) => lost.push(`${object.key} ${chunk}`),
    figures: store.scrubFigures,
    clock,
    logger: silentLogger,
  });
}

async function close(): Promise<void> {
  const stopped = scrubber.stop();
  await clock.advance(0);
  await stopped;
  store.stop();
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'wayside-scrub-'));
  clock = new FakeClock();
  trafficBytes = 0;
  open();
  for (const key of ['a', 'b', 'c', 'd']) {
    const body = Buffer.alloc(LARGE_BYTES, key);
    const object = (await store.create(key, LARGE_BYTES, META)) as CacheObject;
    await object.drive.reserve(object, 0, 2);
    writeSync(object.fd, body, 0, LARGE_BYTES, 0);
    for (const chunk of [0, 1]) {
      const crc = crc32(body.subarray(chunk * CHUNK_BYTES, object.chunks.chunkEnd(chunk)));
      object.completeChunk(chunk, crc, 1);
    }
  }
  await close();
});

afterEach(async () => {
  await close();
  rmSync(directory, { recursive: true, force: true });
});

const drive = () => store.drives[0] as Drive;
const pathOf = (key: string) => drive().objectPath(drive().findRow(key)?.id as number);

function flip(key: string, at: number): void {
  const fd = openSync(pathOf(key), 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] as number) ^ 1;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

/** Real reads go on while the clock is moved: as long as a busy machine may take for them. */
const REAL_WAIT_MS = 15_000;

/** Moves time on until it is so. */
async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + REAL_WAIT_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error('it did not come to that');
    await clock.advance(100);
  }
}

const isPassed = () => (store.scrubFigures.lastPassAtMs[directory] ?? 0) > 0;

test('finds what changed on disk and files that are gone; only what was used lately is fetched again', async () => {
  open();
  flip('a', 77);
  flip('b', CHUNK_BYTES + 5);
  unlinkSync(pathOf('d'));
  store.touch(store.find('b') as CacheObject);
  scrubber.start();
  await until(isPassed);
  expect(store.scrubFigures).toMatchObject({ chunks: 6, badChunks: 2, unreadableChunks: 0, lostFiles: 1 });
  expect(lost).toEqual(['b 1']);
  const present = (key: string) => [0, 1].map((chunk) => store.find(key)?.chunks.has(chunk));
  expect(['a', 'b', 'c', 'd'].map(present)).toEqual([
    [false, true],
    [true, false],
    [true, true],
    [undefined, undefined],
  ]);
  // Not again before its time, and not all at once then.
  const passedAtMs = clock.nowMs();
  await until(() => clock.nowMs() - passedAtMs > 10_000);
  expect(store.scrubFigures.chunks).toBe(6);
  clock.jump(PASS_PAUSE_MS);
  await until(() => store.scrubFigures.chunks > 6);
});

test('waits while there is traffic, keeps to its rate, and goes on where it stood after a restart', async () => {
  open();
  scrubber.start();
  for (let i = 0; i < 50; i += 1) {
    trafficBytes += IDLE_BYTES_PER_SEC_MAX;
    await clock.advance(500);
  }
  expect(store.scrubFigures.chunks).toBe(0);
  const beganAtMs = clock.monotonicMs();
  await until(() => store.scrubFigures.chunks >= 4);
  expect(clock.monotonicMs() - beganAtMs).toBeGreaterThanOrEqual(((2 * LARGE_BYTES) / SCRUB_BYTES_PER_SEC) * 1000);
  const before = store.scrubFigures.chunks;
  await close();
  open();
  expect(scrubPosition(drive()).id).toBeGreaterThan(0);
  scrubber.start();
  await until(isPassed);
  expect(before + store.scrubFigures.chunks).toBeLessThanOrEqual(9);
  expect(scrubPosition(drive()).id).toBe(0);
});

test('with a rate of 0 nothing is read', async () => {
  open();
  scrubber.setRate(0);
  scrubber.start();
  for (let i = 0; i < 20; i += 1) await clock.advance(1000);
  expect(store.scrubFigures.chunks).toBe(0);
});

// Objects larger than half of a drive: kept in part, within their window, shared by all who read them, and right in every byte.

import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, HOST, TestCache } from './test-cache.ts';

const MIB = 1024 * 1024;
const LIMIT_MS = 120_000;
/** Drive of 0.6 GB: half of it is 286 MiB, the window 143 MiB. */
const DRIVE_GB = 0.6;
const OBJECT_BYTES = 330 * MIB;
const WINDOW_BYTES = (DRIVE_GB * 1e9) / 4;

/** Byte i of the object is a function of i, so no body need be held anywhere. */
function bytesAt(start: number, end: number): Buffer {
  const body = Buffer.alloc(end - start);
  for (let at = start; at < end; at += MIB - (at % MIB)) {
    const stop = Math.min(end, at + MIB - (at % MIB));
    body.fill((Math.floor(at / MIB) * 37 + 11) % 251, at - start, stop - start);
  }
  return body;
}

let origin: Server;
let sentBytes = 0;
let cache: TestCache;

beforeAll(async () => {
  origin = createServer((request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(first ?? 0);
    const end = Math.min(OBJECT_BYTES, last === undefined ? OBJECT_BYTES : Number(last) + 1);
    response.writeHead(first === undefined ? 200 : 206, {
      ETag: '"large"',
      'Cache-Control': 'max-age=600',
      'Content-Length': end - start,
      ...(first === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${OBJECT_BYTES}` }),
    });
    let at = start;
    const more = () => {
      while (at < end && !response.destroyed) {
        const stop = Math.min(end, at + MIB);
        const piece = bytesAt(at, stop);
        at = stop;
        sentBytes += piece.length;
        if (!response.write(piece)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { port } = origin.address() as AddressInfo;
  const directory = await mkdtemp(join(tmpdir(), 'wayside-cache-'));
  cache = new TestCache(directory, { CACHE_DRIVES: `${directory},${DRIVE_GB}` });
  await cache.open();
  await cache.node.settings.take({ origins: { test: { hosts: HOST, url: `http://127.0.0.1:${port}` } } });
}, LIMIT_MS);

afterAll(async () => {
  await cache.stop();
  await new Promise((resolve) => origin.close(resolve));
}, LIMIT_MS);

const stored = () => cache.node.store.peek(`${HOST}/large`);

async function expectRange(start: number, end: number): Promise<string> {
  const got = await cache.get('/large', { headers: { Range: `bytes=${start}-${end - 1}` } });
  expect([got.status, got.body.equals(bytesAt(start, end))]).toEqual([206, true]);
  return String(got.headers['x-cache']);
}

describe('an object of two thirds of a drive', () => {
  test(
    'a range of it is kept like any other',
    async () => {
      expect(await expectRange(300 * MIB, 301 * MIB)).toBe('MISS');
      expect(await expectRange(300 * MIB, 301 * MIB)).toBe('HIT');
    },
    LIMIT_MS,
  );

  test(
    'several clients read all of it at once: right bytes, its window is never exceeded, the origin sends it little more than once',
    async () => {
      const hash = createHash('sha256');
      for (let at = 0; at < OBJECT_BYTES; at += MIB) hash.update(bytesAt(at, at + MIB));
      const wanted = hash.digest('hex');
      sentBytes = 0;
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, stored()?.storedBytes ?? 0, cache.node.store.drives[0]?.usedBytes ?? 0);
      }, 20);
      const digests = await Promise.all([1, 2].map(() => cache.digest('/large')));
      clearInterval(watch);
      expect(digests).toEqual([wanted, wanted]);
      expect(stored()?.storedBytes).toBeLessThanOrEqual(WINDOW_BYTES);
      expect(most).toBeLessThan(DRIVE_GB * 1e9);
      // Each client alone would cost all of it.
      expect(sentBytes).toBeLessThan(2 * OBJECT_BYTES);
    },
    LIMIT_MS,
  );

  test(
    'what was dropped is fetched again, what is still there is not',
    async () => {
      const object = stored();
      expect(object).toBeDefined();
      await eventually(() => cache.node.gate.transfers === 0, LIMIT_MS);
      const { chunks } = object as NonNullable<typeof object>;
      const there = chunks.count - 2;
      const gone = chunks.firstMissing(0, chunks.count);
      sentBytes = 0;
      expect(await expectRange(there * MIB, there * MIB + 1000)).toBe('HIT');
      expect(sentBytes).toBe(0);
      expect(await expectRange(gone * MIB, gone * MIB + 1000)).toBe('MISS');
      expect(cache.node.loader.corruptChunks).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    'after a restart it is what it was',
    async () => {
      await cache.node.stop();
      await cache.open();
      await cache.node.settings.restore();
      const { chunks } = cache.node.store.find(`${HOST}/large`) as NonNullable<ReturnType<typeof stored>>;
      const there = chunks.count - 2;
      expect(await expectRange(there * MIB, there * MIB + 1000)).toBe('HIT');
      expect(cache.node.loader.corruptChunks).toBe(0);
    },
    LIMIT_MS,
  );
});

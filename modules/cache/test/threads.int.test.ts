// Delivery threads over one store: every thread serves every object, the origin is asked once, and nothing one thread reads is taken away by another.

import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { eventually, fetchRaw, HOST, sha256, TestCache } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
const WAIT_MS = 60_000;
jest.setTimeout(2 * WAIT_MS);
/** Connections are spread by a hash of the client's port: with this many every thread gets some. */
const CONNECTIONS = 24;
let origin: TestOrigin;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
});

afterAll(() => origin.stop());

function start(env: Record<string, string> = {}): Promise<TestCache> {
  return TestCache.start(origin, { CACHE_THREADS: '2', ...env });
}

/** The same request over many connections, so that each thread answers it. */
function onEveryThread(cache: TestCache, path: string, headers: Record<string, string> = {}) {
  return Promise.all(Array.from({ length: CONNECTIONS }, () => cache.get(path, { headers })));
}

/** A download that stands still after its head until it is told to go on. */
class PausedDownload {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;

  constructor(cache: TestCache, path: string) {
    const target = `${path}?cacheHostOrigin=${HOST}`;
    this.request = httpRequest({ host: '127.0.0.1', port: cache.port, path: target, agent: false });
    this.response = new Promise((resolve, reject) => {
      this.request.once('response', (response) => {
        response.pause();
        resolve(response);
      });
      this.request.once('error', reject);
    });
    this.request.end();
  }

  /** The whole body; rejects when it is cut. */
  async rest(): Promise<Buffer> {
    const response = await this.response;
    const pieces: Buffer[] = [];
    return new Promise((resolve, reject) => {
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('end', () => resolve(Buffer.concat(pieces)));
      response.once('error', reject);
      response.resume();
    });
  }
}

/** Files under a folder that this process has open, deleted ones too. */
function openFiles(directory: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(join(directory, 'objects')));
}

describe('one store, two threads', () => {
  let cache: TestCache;
  beforeAll(async () => {
    cache = await start();
  });
  afterAll(() => cache.stop());

  test('both threads listen on one port and take part', async () => {
    origin.add('/both', 1000);
    await cache.get('/both');
    await onEveryThread(cache, '/both');
    const { threads } = cache.node.service;
    expect(threads?.running).toBe(2);
    await eventually(() => threads?.requestsByThread.every((requests) => requests > 0) === true, WAIT_MS);
  });

  test('a small and a large object are right on every thread, the origin sends them once', async () => {
    const small = origin.add('/small', 5000);
    const large = origin.add('/large', 2 * MIB + 7);
    const before = origin.sentBytes;
    for (const [path, body] of [
      ['/small', small],
      ['/large', large],
    ] as const) {
      await cache.get(path);
      const answers = await onEveryThread(cache, path);
      expect(answers.every((answer) => answer.headers['x-cache'] === 'HIT')).toBe(true);
      expect(answers.every((answer) => answer.body.equals(body))).toBe(true);
    }
    expect(origin.sentBytes - before).toBe(small.length + large.length);
  });

  test('200 clients on one cold object across the threads cost one transfer', async () => {
    const body = origin.add('/crowd', 1.5 * MIB, { bytesPerSec: 3 * MIB });
    const sum = sha256(body);
    const before = origin.sentBytes;
    const sums = await Promise.all(Array.from({ length: 200 }, () => cache.digest('/crowd')));
    expect(sums.filter((got) => got === sum)).toHaveLength(200);
    expect(origin.sentBytes - before).toBe(body.length);
  });

  test('ranges, conditions and several ranges are answered alike on every thread', async () => {
    const body = origin.add('/parts', 2 * MIB);
    const { headers } = await cache.get('/parts');
    const parts = await onEveryThread(cache, '/parts', { Range: `bytes=${MIB - 3}-${MIB + 3}` });
    expect(parts.every((answer) => answer.body.equals(body.subarray(MIB - 3, MIB + 4)))).toBe(true);
    const unchanged = await onEveryThread(cache, '/parts', { 'If-None-Match': headers.etag as string });
    expect(unchanged.every((answer) => answer.status === 304)).toBe(true);
    const several = await onEveryThread(cache, '/parts', { Range: 'bytes=0-1,5-6' });
    expect(several.every((answer) => answer.status === 206 && answer.body.includes('multipart') === false)).toBe(true);
  });

  test('what is not stored goes through the engine: bodies, refusals, errors', async () => {
    const body = origin.add('/unstored', MIB + 5, { cacheControl: 'no-store' });
    const passed = await onEveryThread(cache, '/unstored');
    expect(passed.every((answer) => answer.headers['x-cache'] === 'BYPASS' && answer.body.equals(body))).toBe(true);
    expect((await cache.get('/nowhere')).status).toBe(404);
    expect((await cache.get('/refused', { host: 'evil.test' })).status).toBe(403);
    expect((await cache.get('/x', { method: 'POST' })).status).toBe(405);
    origin.add('/failing', 10, { status: 500 });
    expect((await cache.get('/failing')).status).toBe(500);
  });

  test('a client that leaves ends its relay, and nothing is left waiting in the engine', async () => {
    origin.add('/left', 200 * MIB, { cacheControl: 'no-store', bytesPerSec: 20 * MIB });
    const download = new PausedDownload(cache, '/left');
    await download.response;
    download.request.destroy();
    await eventually(() => cache.node.gate.transfers === 0 && cache.node.service.threads?.forwarded === 0, WAIT_MS);
  });

  test('a replaced object is seen at once by every thread, and no client gets bytes of two', async () => {
    // More than the sockets' buffers take, so that the slow client is amid it when the new one comes.
    const old = origin.add('/renewed', 10 * MIB, { cacheControl: 'max-age=0' });
    await cache.get('/renewed');
    const slow = new PausedDownload(cache, '/renewed');
    await slow.response;
    const fresh = origin.add('/renewed', 2 * MIB, { cacheControl: 'max-age=600' });
    expect(sha256((await cache.get('/renewed')).body)).toBe(sha256(fresh));
    const answers = await onEveryThread(cache, '/renewed');
    expect(answers.every((answer) => answer.body.equals(fresh))).toBe(true);
    // Who began with the old version gets the old version to its end, from the deleted file.
    expect(sha256(await slow.rest())).toBe(sha256(old));
    await eventually(() => openFiles(cache.directory).every((file) => !file.endsWith('(deleted)')), WAIT_MS);
  });

  test('a flipped byte on the disk is noticed whichever thread looks, and fetched again', async () => {
    const body = origin.add('/rot', 2 * MIB);
    await onEveryThread(cache, '/rot');
    const object = cache.node.store.peek(`${HOST}/rot`);
    const handle = await open(object?.drive.objectPath(object.id) ?? '', 'r+');
    await handle.write(Buffer.from([(body[MIB + 5] as number) ^ 0xff]), 0, 1, MIB + 5);
    await handle.close();
    const before = cache.node.loader.corruptChunks;
    // Threads look at the file's times at intervals: only what is asked for after the next look is surely right.
    await eventually(async () => {
      await cache.get('/rot');
      return cache.node.loader.corruptChunks > before;
    }, WAIT_MS);
    const answers = await onEveryThread(cache, '/rot');
    expect(answers.every((answer) => answer.body.equals(body))).toBe(true);
  });

  test('a dropped object is gone on every thread at once', async () => {
    origin.add('/dropped', 4000);
    await onEveryThread(cache, '/dropped');
    const object = cache.node.store.peek(`${HOST}/dropped`);
    if (object !== undefined) await cache.node.store.drop(object);
    const [first] = await Promise.all([cache.get('/dropped')]);
    expect(first?.headers['x-cache']).toBe('MISS');
    expect(origin.of('/dropped')).toHaveLength(2);
  });

  test('figures of all threads come together', async () => {
    const fresh = await start();
    origin.add('/figures', 10_000);
    await fresh.get('/figures');
    await onEveryThread(fresh, '/figures');
    await eventually(() => {
      const { requests, hitBytes, missBytes, activeRequests } = fresh.node.service.traffic.snapshot();
      return (
        requests === CONNECTIONS + 1 &&
        hitBytes === CONNECTIONS * 10_000 &&
        missBytes === 10_000 &&
        activeRequests === 0
      );
    }, WAIT_MS);
    await fresh.stop();
  });

  test('drain reaches every thread before it is said to be in force; running downloads end', async () => {
    const body = origin.add('/long', 2 * MIB);
    await cache.get('/long');
    const slow = new PausedDownload(cache, '/long');
    await slow.response;
    const settings = { origins: { test: { hosts: HOST, url: origin.url } } };
    await cache.node.settings.take({ ...settings, drain: true });
    const refused = await onEveryThread(cache, '/long');
    expect(refused.every((answer) => answer.status === 503)).toBe(true);
    expect(sha256(await slow.rest())).toBe(sha256(body));
    await cache.node.settings.take(settings);
    expect((await onEveryThread(cache, '/long')).every((answer) => answer.status === 200)).toBe(true);
  });
});

describe('threads and room', () => {
  test('an object that another thread reads is not evicted, and its descriptor is nobody else`s', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-threads-'));
    const cache = await start({ CACHE_DRIVES: `${directory},${30e6 / 1e9}` });
    const body = origin.add('/pinned', 10 * MIB);
    await cache.get('/pinned');
    const slow = new PausedDownload(cache, '/pinned');
    await slow.response;
    for (let i = 0; i < 16; i += 1) {
      const other = origin.add(`/push/${i}`, 2 * MIB);
      expect((await cache.get(`/push/${i}`)).body.equals(other)).toBe(true);
    }
    expect(cache.node.store.drives[0]?.evictedObjects).toBeGreaterThan(0);
    expect(sha256(await slow.rest())).toBe(sha256(body));
    await eventually(() => cache.node.store.peek(`${HOST}/pinned`)?.uses === 0, WAIT_MS);
    await cache.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test('random requests under constant eviction: every byte is right', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-threads-'));
    const cache = await start({ CACHE_DRIVES: `${directory},${36e6 / 1e9}` });
    // Room for what eight clients read at a time, not for everything.
    const bodies = Array.from({ length: 48 }, (_, i) =>
      origin.add(`/mix/${i}`, i % 3 === 0 ? 3 * MIB + i : 30_000 + i),
    );
    // Mulberry32: the same requests each time.
    let seed = 7;
    const random = (below: number) => {
      seed = (seed + 0x6d2b79f5) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
    };
    const client = async () => {
      for (let i = 0; i < 25; i += 1) {
        const at = random(bodies.length);
        const body = bodies[at] as Buffer;
        const from = random(body.length);
        const to = Math.min(body.length, from + 1 + random(MIB));
        const { status, body: got } = await cache.get(`/mix/${at}`, { headers: { Range: `bytes=${from}-${to - 1}` } });
        expect(status).toBe(206);
        expect(got.equals(body.subarray(from, to))).toBe(true);
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    expect(cache.node.store.drives[0]?.evictedObjects).toBeGreaterThan(0);
    await cache.stop();
    await rm(directory, { recursive: true, force: true });
  });
});

describe('a thread that dies', () => {
  test('is started again, what it used is given back, the others serve on', async () => {
    const cache = await start();
    const { threads } = cache.node.service;
    const body = origin.add('/survivor', 8 * MIB);
    await cache.get('/survivor');
    const downloads = Array.from({ length: 16 }, () => new PausedDownload(cache, '/survivor'));
    await Promise.all(downloads.map((download) => download.response));
    const ends = downloads.map((download) =>
      download.rest().then(
        (got) => got.equals(body),
        () => 'cut' as const,
      ),
    );
    await threads?.kill(1);
    const results = await Promise.all(ends);
    expect(results).toContain('cut');
    expect(results).toContain(true);
    expect(results).not.toContain(false);
    await eventually(() => threads?.running === 2, WAIT_MS);
    await eventually(() => cache.node.store.peek(`${HOST}/survivor`)?.uses === 0, WAIT_MS);
    const answers = await onEveryThread(cache, '/survivor', { Range: 'bytes=5-9' });
    expect(answers.every((answer) => answer.body.equals(body.subarray(5, 10)))).toBe(true);
    expect(threads?.restarts).toBe(1);
    await cache.stop();
  });

  test('amid a fill: the transfer goes on for the clients of the other thread', async () => {
    const cache = await start();
    const { threads } = cache.node.service;
    const body = origin.add('/amid', 8 * MIB, { bytesPerSec: 4 * MIB });
    const before = origin.sentBytes;
    const running = Array.from({ length: 16 }, () =>
      cache.digest('/amid').then(
        (sum) => sum === sha256(body),
        () => 'cut' as const,
      ),
    );
    await eventually(() => origin.sentBytes - before > MIB, WAIT_MS);
    await threads?.kill(2);
    const results = await Promise.all(running);
    expect(results).toContain(true);
    expect(results).not.toContain(false);
    expect(origin.sentBytes - before).toBe(body.length);
    await eventually(() => threads?.running === 2, WAIT_MS);
    await cache.stop();
  });
});

test('the egress cap is one for all threads', async () => {
  const cache = await start();
  origin.add('/capped', 8 * MIB);
  await cache.get('/capped');
  const mbps = 16;
  const settings = { origins: { test: { hosts: HOST, url: origin.url } } };
  await cache.node.settings.take({ ...settings, maxEgressMbps: mbps });
  const before = cache.node.service.traffic.snapshot().hitBytes;
  const startMs = performance.now();
  const many = Array.from({ length: 60 }, () => cache.get('/capped').catch(() => undefined));
  await eventually(() => cache.node.service.traffic.snapshot().hitBytes - before > 3e6, WAIT_MS);
  const bytesPerSec =
    (cache.node.service.traffic.snapshot().hitBytes - before) / ((performance.now() - startMs) / 1000);
  // Figures of a thread are up to 200 ms old, so they err to the low side only.
  expect(bytesPerSec).toBeLessThanOrEqual((mbps * 1e6 * 1.1) / 8 + 128 * 1024);
  await cache.node.settings.take(settings);
  const statuses = (await Promise.all(many)).map((answer) => answer?.status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(30);
  expect(statuses.filter((status) => status === 503)).toHaveLength(30);
  await cache.stop();
});

test('a port that is taken is named, and no thread is left behind', async () => {
  const cache = await TestCache.start(origin, { CACHE_THREADS: '1' });
  const second = new TestCache(cache.directory, {
    CACHE_THREADS: '2',
    CACHE_LISTEN: `127.0.0.1:${cache.port}`,
    CACHE_DRIVES: `${cache.directory}/none,1`,
  });
  await expect(second.open()).rejects.toThrow('another process has it');
  await cache.stop();
});

test('metrics and health come from the engine', async () => {
  const cache = await start();
  origin.add('/metric', 2000);
  await cache.get('/metric');
  await onEveryThread(cache, '/metric');
  await eventually(async () => {
    const text = (await fetchRaw(cache.node.operations.port, '/metrics', 'GET', {})).body.toString();
    return text.includes(`wayside_cache_results_total{result="HIT"} ${CONNECTIONS}`);
  }, WAIT_MS);
  await cache.stop();
});

// Rows 25, 26, 30, 55, 57, 66, 67: room, drives, summary, egress cap, drain, proxy, parent. Real processes and sockets.

import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, HOST, sha256, TestCache } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
let origin: TestOrigin;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
}, 30_000);

afterAll(() => origin.stop());

async function diskBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes;
}

describe('room and drives', () => {
  test('25: three times the cap: the service goes on, the old is gone, the cap is never passed', async () => {
    const cap = 24e6;
    const directory = await mkdtemp(join(tmpdir(), 'wayside-small-'));
    const cache = await TestCache.start(origin, { CACHE_DRIVES: `${directory},${cap / 1e9}` });
    let most = 0;
    for (let i = 0; i < 36; i += 1) {
      const body = origin.add(`/fill/${i}`, 2 * MIB);
      const { body: got } = await cache.get(`/fill/${i}`);
      expect(got.equals(body)).toBe(true);
      if (i % 6 === 5) most = Math.max(most, await diskBytes(directory));
      expect(cache.node.store.drives[0]?.usedBytes).toBeLessThanOrEqual(cap);
    }
    expect(most).toBeLessThanOrEqual(cap);
    expect((await cache.get('/fill/35')).headers['x-cache']).toBe('HIT');
    expect((await cache.get('/fill/0')).headers['x-cache']).toBe('MISS');
    await cache.stop();
    await rm(directory, { recursive: true });
  }, 30_000);

  test('25: an object that is too large for the drive passes through unstored', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-tiny-'));
    const cache = await TestCache.start(origin, { CACHE_DRIVES: `${directory},0.01` });
    const body = origin.add('/too-large', 8 * MIB);
    const answer = await cache.get('/too-large');
    expect([answer.status, answer.headers['x-cache'], sha256(answer.body)]).toEqual([200, 'BYPASS', sha256(body)]);
    await cache.stop();
    await rm(directory, { recursive: true });
  });

  test('26: two drives are both used; one that vanishes is taken out, the rest serves, and it comes back', async () => {
    const root = await mkdtemp(join(tmpdir(), 'wayside-two-'));
    const [one, two] = [join(root, 'one'), join(root, 'two')];
    await Promise.all([mkdir(one), mkdir(two)]);
    const cache = await TestCache.start(origin, { CACHE_DRIVES: `${one},0.1,${two},0.1` });
    for (let i = 0; i < 8; i += 1) {
      origin.add(`/two/${i}`, MIB);
      await cache.get(`/two/${i}`);
    }
    const { drives } = cache.node.store;
    expect(drives.every((drive) => drive.usedBytes > 3 * MIB)).toBe(true);
    await rename(one, join(root, 'gone'));
    await drives[0]?.probe();
    expect(drives[0]?.issue).toBe('DriveNotFound');
    for (let i = 0; i < 8; i += 1) expect((await cache.get(`/two/${i}`)).status).toBe(200);
    const report = cache.node.reporter.tick();
    expect(report.drives.map(({ state, issue }) => [state, issue])).toEqual([
      ['failed', 'DriveNotFound'],
      ['ok', null],
    ]);
    expect((await cache.operations('/healthz')).status).toBe(200);
    await rename(join(root, 'gone'), one);
    await drives[0]?.probe();
    expect(drives[0]?.isUp).toBe(true);
    await cache.stop();
    await rm(root, { recursive: true });
  }, 20_000);

  test('27: a missing path and a file system that is too small are issues, not a crash', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-issue-'));
    const cache = await TestCache.start(origin, { CACHE_DRIVES: `${directory}/nowhere,1,${directory},99999` });
    expect(cache.node.store.drives.map(({ issue }) => issue)).toEqual(['DriveNotFound', 'DriveTooSmall']);
    origin.add('/no-drive', 1000);
    const answer = await cache.get('/no-drive');
    expect([answer.status, answer.headers['x-cache']]).toEqual([200, 'BYPASS']);
    await cache.stop();
    await rm(directory, { recursive: true, force: true });
  });
});

describe('operation', () => {
  test('30: the summary sums up what was drawn', async () => {
    const cache = await TestCache.start(origin, { IS_SUMMARY_PUBLIC: 'True', CUSTOMER_KEY: 'k-1' });
    origin.add('/sum', 10_000);
    await cache.get('/sum');
    await cache.get('/sum');
    await cache.get('/sum', { headers: { Range: 'bytes=0-999' } });
    cache.node.reporter.tick();
    const summary = JSON.parse((await cache.operations('/summary')).body.toString());
    expect(summary).toMatchObject({
      hitBytes: 11_000,
      missBytes: 10_000,
      eggressBytes: 21_000,
      hitRatioBytes: 11 / 21,
    });
    const metrics = (await cache.operations('/metrics')).body.toString();
    expect(metrics).toContain('wayside_cache_results_total{result="HIT"} 2');
    expect(metrics).toContain(`wayside_cache_egress_bytes_total{origin="${HOST}",from="cache"} 11000`);
    await cache.stop();
  });

  test('57: drain answers 503 and ends; running downloads finish', async () => {
    const cache = await TestCache.start(origin);
    const body = origin.add('/long', 2 * MIB, { bytesPerSec: 2 * MIB });
    const running = cache.get('/long');
    await eventually(() => origin.of('/long').length > 0);
    await cache.node.settings.take({ origins: { test: { hosts: HOST, url: origin.url } }, drain: true });
    const refused = await cache.get('/long');
    expect([refused.status, refused.headers['content-length']]).toEqual([503, '0']);
    expect((await cache.operations('/healthz')).status).toBe(200);
    expect(sha256((await running).body)).toBe(sha256(body));
    await cache.stop();
  });

  test('55: the egress cap holds, and what would starve is refused with 503', async () => {
    const cache = await TestCache.start(origin);
    origin.add('/capped', 8 * MIB);
    await cache.get('/capped');
    const mbps = 16;
    await cache.node.settings.take({ origins: { test: { hosts: HOST, url: origin.url } }, maxEgressMbps: mbps });
    const startMs = performance.now();
    const before = cache.node.counters.hitBytes;
    const many = Array.from({ length: 60 }, () => cache.get('/capped').catch(() => undefined));
    const first = await Promise.race(many);
    expect(first?.status).toBe(503);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const bytesPerSec = (cache.node.counters.hitBytes - before) / ((performance.now() - startMs) / 1000);
    expect(bytesPerSec).toBeLessThanOrEqual((mbps * 1e6 * 1.05) / 8 + 64 * 1024);
    expect(bytesPerSec).toBeGreaterThan((mbps * 1e6 * 0.7) / 8);
    await cache.node.settings.take({ origins: { test: { hosts: HOST, url: origin.url } } });
    const statuses = (await Promise.all(many)).map((answer) => answer?.status);
    expect(statuses.filter((status) => status === 200).length).toBe(30);
    await cache.stop();
  }, 20_000);

  test('a bad desired document changes nothing and names every problem', async () => {
    const cache = await TestCache.start(origin);
    const { problems } = await cache.node.settings.take({
      origins: { a: { hosts: '10.0.0.1', url: 'ftp://x' } },
      drain: 'yes',
      speed: 1,
    });
    expect(problems.map(({ path }) => path).sort()).toEqual(['drain', 'origins.a.hosts', 'origins.a.url', 'speed']);
    origin.add('/still', 10);
    expect((await cache.get('/still')).status).toBe(200);
    await cache.stop();
  });

  test('67: a child asks its parent, the parent asks the origin once', async () => {
    const parent = await TestCache.start(origin);
    const child = await TestCache.start(origin, { UPSTREAM_HOST: `127.0.0.1:${parent.port}` });
    await child.node.settings.take({});
    const body = origin.add('/nested', 3 * MIB);
    const answer = await child.get('/nested?v=1');
    expect(sha256(answer.body)).toBe(sha256(body));
    expect((await child.get('/nested?v=1')).headers['x-cache']).toBe('HIT');
    expect(origin.of('/nested').map(({ url }) => url)).toEqual(['/nested?v=1']);
    await parent.stop();
    expect((await child.get('/other')).status).toBe(502);
    await child.stop();
  });

  test('66: with a proxy everything goes through it', async () => {
    const asked: string[] = [];
    const proxy: Server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(200, { 'Content-Length': 5, 'Cache-Control': 'max-age=60', ETag: '"p"' });
      response.end('proxy');
    });
    proxy.on('connect', (request, socket) => {
      asked.push(`CONNECT ${request.url}`);
      socket.destroy();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const cache = await TestCache.start(origin, {
      UPSTREAM_PROXY: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    });
    await cache.node.settings.take({});
    const { body } = await cache.get('/via-proxy');
    expect(body.toString()).toBe('proxy');
    expect(asked).toEqual([`http://${HOST}/via-proxy`]);
    await cache.stop();
    proxy.closeAllConnections();
    proxy.close();
  });

  test('desired origins survive a restart without a cloud; content does too', async () => {
    const cache = await TestCache.start(origin);
    const body = origin.add('/kept', 3 * MIB);
    await cache.get('/kept');
    await cache.node.stop();
    await cache.open();
    const answer = await cache.get('/kept');
    expect([answer.status, answer.headers['x-cache'], sha256(answer.body)]).toEqual([200, 'HIT', sha256(body)]);
    expect(origin.of('/kept')).toHaveLength(1);
    await cache.stop();
  });

  test('72: idle and slow connections cost little memory', async () => {
    const cache = await TestCache.start(origin);
    origin.add('/slow-readers', 32 * MIB);
    await cache.get('/slow-readers');
    const before = process.memoryUsage();
    const sockets = Array.from({ length: 300 }, () => {
      const socket = connect({ port: cache.port, host: '127.0.0.1' });
      socket.pause();
      socket.write(`GET /slow-readers?cacheHostOrigin=${HOST} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return socket;
    });
    await eventually(() => cache.node.counters.activeRequests === 300, 15_000);
    const grownBytes = process.memoryUsage().external - before.external;
    expect(grownBytes).toBeLessThan(300 * 64 * 1024);
    for (const socket of sockets) socket.destroy();
    await eventually(() => cache.node.counters.activeRequests === 0);
    await cache.stop();
  }, 40_000);
});

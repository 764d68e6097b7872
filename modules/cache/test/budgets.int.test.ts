// Budgets over real sockets: two clients of unequal connection counts under one cap, connections in all and by address, read-only, slow log.

import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, fetchRaw, HOST, TestCache } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
const WAIT_MS = 60_000;
let origin: TestOrigin;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
}, 30_000);

afterAll(() => origin.stop());

const originsOf = () => ({ test: { hosts: HOST, url: origin.url } });

/** A download from one of the addresses of loopback: to the cache each is a client of its own. */
function download(cache: TestCache, localAddress: string, path: string, onBytes: (count: number) => void): Socket {
  const socket = connect({ host: '127.0.0.1', port: cache.port, localAddress });
  socket.on('error', () => {});
  socket.on('data', (piece: Buffer) => onBytes(piece.length));
  socket.write(`GET ${path}?cacheHostOrigin=${HOST} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return socket;
}

test.each(['1', '2'])(
  '%s thread(s): under the cap twenty connections of one client get what one connection of another gets',
  async (threads) => {
    const cache = await TestCache.start(origin, { CACHE_THREADS: threads });
    origin.add('/fair', 48 * MIB);
    await cache.get('/fair');
    await cache.node.settings.take({ origins: originsOf(), maxEgressMbps: 40 });
    const bytes = { greedy: 0, modest: 0 };
    const sockets = Array.from({ length: 20 }, () =>
      download(cache, '127.0.0.2', '/fair', (count) => (bytes.greedy += count)),
    );
    sockets.push(download(cache, '127.0.0.3', '/fair', (count) => (bytes.modest += count)));
    // What the kernel's buffers took before both were there does not count.
    await eventually(() => bytes.greedy > 4 * MIB && bytes.modest > MIB, WAIT_MS);
    const before = { ...bytes };
    await eventually(() => bytes.modest - before.modest > 6 * MIB, WAIT_MS);
    const ratio = (bytes.greedy - before.greedy) / (bytes.modest - before.modest);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.4);
    for (const socket of sockets) socket.destroy();
    await cache.stop();
  },
  150_000,
);

describe('connections', () => {
  test('above the limit of one address: 503 at once, others are served; a place that is free is given again', async () => {
    const cache = await TestCache.start(origin, { CACHE_CONNECTIONS_PER_CLIENT_MAX: '3', CACHE_THREADS: '1' });
    origin.add('/few', 100);
    const idle = Array.from({ length: 3 }, () => connect({ host: '127.0.0.1', port: cache.port }));
    await eventually(() => cache.node.counters.connections.open === 3, WAIT_MS);
    const refused = await cache.get('/few');
    expect([refused.status, refused.headers['content-length'], refused.headers.connection]).toEqual([
      503,
      '0',
      'close',
    ]);
    const other = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: cache.port, localAddress: '127.0.0.9' });
      socket.on('data', (piece) => {
        resolve(piece.toString('latin1', 0, 12));
        socket.destroy();
      });
      socket.write(`GET /few?cacheHostOrigin=${HOST} HTTP/1.1\r\nHost: x\r\n\r\n`);
    });
    expect(other).toBe('HTTP/1.1 200');
    idle[0]?.destroy();
    await eventually(async () => (await cache.get('/few')).status === 200, WAIT_MS);
    const metrics = (await fetchRaw(cache.node.operations.port, '/metrics', 'GET', {})).body.toString();
    expect(metrics).toMatch(/wayside_cache_connections_refused_total [1-9]/);
    for (const socket of idle) socket.destroy();
    await cache.stop();
  }, 90_000);

  test('the limits change while running, by the module twin', async () => {
    const cache = await TestCache.start(origin, { CACHE_THREADS: '1' });
    origin.add('/many', 100);
    const idle = Array.from({ length: 4 }, () => connect({ host: '127.0.0.1', port: cache.port }));
    await eventually(() => cache.node.counters.connections.open === 4, WAIT_MS);
    expect((await cache.get('/many')).status).toBe(200);
    await cache.node.settings.take({ origins: originsOf(), connectionsMax: 4 });
    expect((await cache.get('/many')).status).toBe(503);
    expect(cache.node.operate.reported()).toMatchObject({ problems: [], inForce: { connectionsMax: 4, drain: false } });
    await cache.node.settings.take({ origins: originsOf() });
    expect((await cache.get('/many')).status).toBe(200);
    for (const socket of idle) socket.destroy();
    await cache.stop();
  }, 90_000);
});

test('read-only: hits are served, what needs an origin gets 503 and no origin hears of it', async () => {
  const cache = await TestCache.start(origin);
  origin.add('/ro/there', 1000);
  origin.add('/ro/not', 1000);
  await cache.get('/ro/there');
  await cache.node.settings.take({ origins: originsOf(), readOnly: true });
  expect([(await cache.get('/ro/there')).status, (await cache.get('/ro/not')).status]).toEqual([200, 503]);
  expect(origin.of('/ro/not')).toHaveLength(0);
  await cache.node.settings.take({ origins: originsOf() });
  expect((await cache.get('/ro/not')).status).toBe(200);
  await cache.stop();
}, 60_000);

test('the access log is switched on, sampled and off by the twin; no signature stands in it', async () => {
  const cache = await TestCache.start(origin, { CACHE_THREADS: '1' });
  const lines: string[] = [];
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((text: string) =>
    text.startsWith('{"at"') ? lines.push(text) > 0 : write(text)) as typeof write;
  try {
    origin.add('/log', 10);
    await cache.get('/log?P4=geheim');
    expect(lines).toEqual([]);
    await cache.node.settings.take({ origins: originsOf(), accessLog: { on: true, share: 1 } });
    await cache.get('/log?P1=1&P4=geheim');
    await eventually(() => lines.length === 1, WAIT_MS);
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      path: '/log',
      query: 'P1=*&P4=*',
      status: 200,
      origin: HOST,
      result: 'HIT',
    });
    await cache.node.settings.take({ origins: originsOf(), accessLog: { on: true, share: 0 } });
    await cache.get('/log');
    await cache.get('/gone', { host: 'dl.delivery.mp.microsoft.com' });
    await cache.node.settings.take({ origins: originsOf(), accessLog: { on: false } });
    expect(lines.join()).not.toContain('geheim');
  } finally {
    process.stdout.write = write;
  }
  await cache.stop();
}, 60_000);

test('a body that may not be stored is under the cap too, and arrives whole', async () => {
  const cache = await TestCache.start(origin);
  const body = origin.add('/unstored', 3 * MIB, { cacheControl: 'no-store' });
  await cache.node.settings.take({ origins: originsOf(), maxEgressMbps: 16 });
  const startMs = performance.now();
  const answer = await cache.get('/unstored');
  expect([answer.headers['x-cache'], answer.body.equals(body)]).toEqual(['BYPASS', true]);
  // 3 MiB at 2 MB/s; never faster than the cap, but for one bucket.
  expect(performance.now() - startMs).toBeGreaterThan(1200);
  type Shown = { egress: { capMbps: number; streams: number } };
  await eventually(() => (cache.node.operate.details() as Shown).egress.streams === 0, WAIT_MS);
  expect(cache.node.operate.details()).toMatchObject({ egress: { capMbps: 16, waiting: 0 }, draining: false });
  await cache.stop();
}, 60_000);

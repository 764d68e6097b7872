// Prefetch over real sockets: lists in every form, results by URL, pace, windows, cancel, resume after a restart, jobs of the twin.

import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, HOST, sha256, TestCache } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
const WAIT_MS = 60_000;
let origin: TestOrigin;
let cache: TestCache;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
  cache = await TestCache.start(origin);
}, 60_000);

afterAll(async () => {
  await cache.stop();
  await origin.stop();
});

interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape, looked into by the tests
  json: any;
}

function send(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        ...{ host: '127.0.0.1', port: cache.node.operations.port, method, path, agent: false },
        headers: body === undefined ? {} : { 'Content-Type': type },
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(pieces).toString()) }),
        );
      },
    );
    request.on('error', reject);
    request.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  });
}

const url = (path: string) => `http://${HOST}${path}`;

async function untilOver(id: string): Promise<Reply['json']> {
  await eventually(
    async () => !['waiting', 'running'].includes((await send('GET', `/prefetch/${id}`)).json.state),
    WAIT_MS,
  );
  return (await send('GET', `/prefetch/${id}`)).json;
}

describe('lists', () => {
  test('URLs with their results: stored, present, refused by size, answered 404; clients then hit', async () => {
    const large = origin.add('/pre/large', 20 * MIB + 3);
    origin.add('/pre/small', 1000);
    origin.add('/pre/there', 1000);
    origin.add('/pre/secret', 1000, { cacheControl: 'no-store' });
    await cache.get('/pre/there');
    const { status, json } = await send('POST', '/prefetch', {
      name: 'first',
      parallel: 3,
      urls: [
        url('/pre/large'),
        { url: url('/pre/small'), sizeBytes: 999 },
        ...['/pre/there', '/pre/none', '/pre/secret'].map(url),
      ],
    });
    expect([status, json.by, json.request.name]).toEqual([202, 'operations', 'first']);
    const job = await untilOver(json.id);
    expect(job.state).toBe('done');
    const states = Object.fromEntries(job.items.map((item: { url: string; state: string }) => [item.url, item.state]));
    expect(states).toEqual({
      [url('/pre/large')]: 'stored',
      [url('/pre/small')]: 'failed',
      [url('/pre/there')]: 'present',
      [url('/pre/none')]: 'failed',
      [url('/pre/secret')]: 'unstored',
    });
    expect(job.items[1].reason).toContain('the object has 1000 bytes, the list says 999');
    expect(job.progress).toMatchObject({ urls: 5, stored: 1, present: 1, unstored: 1, failed: 2, waiting: 0 });
    const answer = await cache.get('/pre/large');
    expect([answer.headers['x-cache'], sha256(answer.body)]).toEqual(['HIT', sha256(large)]);
    // What was asked of the origin is what clients never asked for: no client's bytes are counted.
    expect(cache.node.gate.ingressBytes).toBeGreaterThanOrEqual(20 * MIB);
  }, 120_000);

  test.each([
    ['text/plain', (paths: string[]) => `# list\n${paths.map((path) => `${url(path)} 3000`).join('\n')}\n`],
    [
      'application/x-ndjson',
      (paths: string[]) => paths.map((path) => JSON.stringify({ url: url(path), size: 3000 })).join('\n'),
    ],
    ['application/json', (paths: string[]) => JSON.stringify(paths.map(url))],
  ])(
    '%s',
    async (type, make) => {
      const paths = [1, 2, 3].map((i) => `/list/${type}/${i}`);
      for (const path of paths) origin.add(path, 3000);
      const { status, json } = await send('POST', '/prefetch?parallel=2&name=list', make(paths), type);
      expect(status).toBe(202);
      expect((await untilOver(json.id)).progress).toMatchObject({ urls: 3, stored: 3 });
    },
    90_000,
  );

  test('a list that lies at an origin', async () => {
    origin.add('/by-list', 5000);
    origin.add('/lists/today.json', 0, {
      body: Buffer.from(JSON.stringify({ files: [{ url: url('/by-list'), sizeBytes: 5000 }] })),
    });
    const { json } = await send('POST', '/prefetch', { manifestUrl: url('/lists/today.json') });
    expect(await untilOver(json.id)).toMatchObject({ state: 'done', progress: { urls: 1, stored: 1 } });
    const none = await send('POST', '/prefetch', { manifestUrl: url('/lists/none.json') });
    expect(await untilOver(none.json.id)).toMatchObject({ state: 'failed', reason: 'the list was answered with 404' });
  }, 90_000);

  test('every problem is named; hosts must be served', async () => {
    const { status, json } = await send('POST', '/prefetch', {
      ...{ urls: ['ftp://x', url('/ok')], window: '25:00-26:00', maxMbps: -1, parallel: 99, speed: 1 },
    });
    expect(status).toBe(400);
    expect(json.error.problems.map(({ path }: { path: string }) => path).sort()).toEqual([
      'maxMbps',
      'parallel',
      'schedule',
      'speed',
      'urls.0',
    ]);
    const foreign = await send('POST', '/prefetch', { urls: ['http://evil.example/x'] });
    expect([foreign.status, foreign.json.error.code]).toEqual([400, 'CACHE_PREFETCH_INVALID']);
    expect((await send('GET', '/prefetch/none')).status).toBe(404);
  });
});

describe('running', () => {
  test('a rate is kept to; cancel stops it; what came stays', async () => {
    origin.add('/paced', 64 * MIB);
    const before = cache.node.gate.ingressBytes;
    const { json } = await send('POST', '/prefetch', { urls: [url('/paced')], maxMbps: 16 });
    await eventually(() => cache.node.gate.ingressBytes - before >= 3 * MIB, WAIT_MS);
    const cancelled = await send('DELETE', `/prefetch/${json.id}`);
    expect(cancelled.json.state).toBe('cancelled');
    // 64 MiB would have come in far less than a second without the rate.
    expect(cache.node.gate.ingressBytes - before).toBeLessThan(48 * MIB);
    expect(cache.node.store.find(`${HOST}/paced`)?.chunks.presentCount).toBeGreaterThan(0);
  }, 90_000);

  test('outside of its window a job waits and says when it begins', async () => {
    origin.add('/windowed', 100);
    const minute = new Date().getUTCHours() * 60 + new Date().getUTCMinutes();
    const at = (offset: number) => {
      const m = (minute + offset + 2880) % 1440;
      return `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`;
    };
    const closed = await send('POST', '/prefetch', { urls: [url('/windowed')], window: `${at(120)}-${at(180)}` });
    expect(closed.json.state).toBe('waiting');
    expect(Date.parse(closed.json.opensAtUtc) - Date.now()).toBeGreaterThan(100 * 60_000);
    const open = await send('POST', '/prefetch', { urls: [url('/windowed')], window: `${at(-60)}-${at(60)}` });
    expect((await untilOver(open.json.id)).progress.stored).toBe(1);
    expect((await send('GET', `/prefetch/${closed.json.id}`)).json).toMatchObject({
      state: 'waiting',
      progress: { waiting: 1 },
    });
    await send('DELETE', `/prefetch/${closed.json.id}`);
  }, 90_000);

  test('a restart goes on with the rest', async () => {
    const paths = Array.from({ length: 12 }, (_, i) => `/resume/${i}`);
    for (const path of paths) origin.add(path, 2 * MIB, { bytesPerSec: 20 * MIB });
    const { json } = await send('POST', '/prefetch', { urls: paths.map(url), parallel: 1 });
    await eventually(async () => (await send('GET', `/prefetch/${json.id}`)).json.progress.stored >= 2, WAIT_MS);
    await cache.node.stop();
    await cache.open();
    expect((await untilOver(json.id)).progress).toMatchObject({ urls: 12, stored: 12 });
    for (const path of paths) expect((await cache.get(path)).headers['x-cache']).toBe('HIT');
    // Each byte came once, but for what was under way at the stop.
    const asked = paths.flatMap((path) => origin.of(path)).length;
    expect(asked).toBeLessThan(24);
  }, 120_000);

  test('jobs of the module twin are made, made anew when they change, and go', async () => {
    for (const path of ['/twin/a', '/twin/b']) origin.add(path, 2000);
    const origins = { test: { hosts: HOST, url: origin.url } };
    const take = (prefetch: object) => cache.node.settings.take({ origins, prefetch });
    expect((await take({ nightly: { urls: url('/twin/a') } })).problems).toEqual([]);
    expect((await untilOver('twin-nightly')).items.map((item: { url: string }) => item.url)).toEqual([url('/twin/a')]);
    await take({ nightly: { urls: `${url('/twin/a')}, ${url('/twin/b')}`, maxMbps: 100 } });
    expect((await untilOver('twin-nightly')).progress).toMatchObject({ urls: 2, present: 1, stored: 1 });
    const bad = await take({ nightly: { urls: url('/twin/a'), window: 'night' } });
    expect(bad.problems.map(({ path }) => path)).toEqual(['prefetch.nightly.schedule']);
    await take({});
    expect((await send('GET', '/prefetch/twin-nightly')).status).toBe(404);
  }, 90_000);
});

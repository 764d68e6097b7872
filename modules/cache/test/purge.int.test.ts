// Purge over real sockets: by URL, prefix, host and tag; during a fill; while a drive is out; by whom.

import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, fetchRaw, HOST, TestCache } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
let origin: TestOrigin;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
}, 30_000);

afterAll(() => origin.stop());

interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape, looked into by the tests
  json: any;
}

function send(
  cache: TestCache,
  method: string,
  path: string,
  payload?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        ...{ host: '127.0.0.1', port: cache.node.operations.port, method, path, agent: false },
        headers: { ...(payload === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(pieces).toString() || 'null') }),
        );
      },
    );
    request.on('error', reject);
    request.end(payload === undefined ? undefined : JSON.stringify(payload));
  });
}

const resultOf = async (cache: TestCache, path: string) => (await cache.get(path)).headers['x-cache'];

describe('what goes', () => {
  let cache: TestCache;
  beforeAll(async () => {
    cache = await TestCache.start(origin);
  }, 30_000);
  afterAll(() => cache.stop());

  test('a URL, whatever its signature; the receipt says how much went, from where; nothing else goes', async () => {
    origin.add('/url/a', 10_000);
    origin.add('/url/ab', 10_000);
    await cache.get('/url/a?P1=1&P2=x');
    await cache.get('/url/ab');
    const { status, json } = await send(cache, 'POST', '/purge', { urls: [`http://${HOST}/url/a?P1=7&P4=y`] });
    expect(status).toBe(200);
    expect(json).toMatchObject({ state: 'done', objects: 1, by: 'operations', inUse: 0, fillsCut: 0 });
    expect(json.bytes).toBeGreaterThanOrEqual(10_000);
    expect(json.drives).toEqual([{ path: cache.directory, state: 'done', objects: 1, bytes: json.bytes }]);
    expect(Date.parse(json.finishedAtUtc)).toBeGreaterThanOrEqual(Date.parse(json.atUtc));
    expect([await resultOf(cache, '/url/a?P1=1'), await resultOf(cache, '/url/ab')]).toEqual(['MISS', 'HIT']);
    const listed = await send(cache, 'GET', '/purges');
    expect(listed.json.receipts[0]).toEqual(json);
    expect((await send(cache, 'GET', `/purges/${json.id}`)).json).toEqual(json);
    expect((await send(cache, 'GET', '/purges/none')).status).toBe(404);
  });

  test('a prefix and a host', async () => {
    for (const path of ['/p/1', '/p/2', '/q/1']) {
      origin.add(path, 5000);
      await cache.get(path);
    }
    const prefix = await send(cache, 'POST', '/purge', { prefixes: [`http://${HOST}/p/`] });
    expect(prefix.json.objects).toBe(2);
    expect([await resultOf(cache, '/p/1'), await resultOf(cache, '/q/1')]).toEqual(['MISS', 'HIT']);
    const host = await send(cache, 'POST', '/purge', { hosts: [HOST.toUpperCase()] });
    expect(host.json.objects).toBeGreaterThanOrEqual(2);
    expect(await resultOf(cache, '/q/1')).toBe('MISS');
    expect((await send(cache, 'POST', '/purge', { hosts: ['never.example'] })).json.objects).toBe(0);
  });

  test('a tag of Cache-Tag and of Surrogate-Key, also after a restart', async () => {
    origin.add('/t/1', 3000, { headers: { 'Cache-Tag': 'release-1, windows' } });
    origin.add('/t/2', 3000, { headers: { 'Surrogate-Key': 'x release-1' } });
    origin.add('/t/3', 3000, { headers: { 'Cache-Tag': 'release-10' } });
    for (const path of ['/t/1', '/t/2', '/t/3']) await cache.get(path);
    await cache.node.stop();
    await cache.open();
    const { json } = await send(cache, 'POST', '/purge', { tags: ['release-1'] });
    expect(json.objects).toBe(2);
    const results = await Promise.all(['/t/1', '/t/2', '/t/3'].map((path) => resultOf(cache, path)));
    expect(results).toEqual(['MISS', 'MISS', 'HIT']);
  }, 30_000);

  test('files are gone from the disk', async () => {
    await send(cache, 'POST', '/purge', { all: true });
    const files = await readdir(join(cache.directory, 'objects'), { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile())).toEqual([]);
  });
});

describe('what is under way', () => {
  test('a fill is cut and no byte of before is served afterwards', async () => {
    const cache = await TestCache.start(origin);
    origin.add('/fill/old', 4 * MIB, { bytesPerSec: MIB });
    const running = cache.get('/fill/old').then(
      () => 'whole',
      () => 'cut',
    );
    await eventually(() => cache.node.store.peek(`${HOST}/fill/old`)?.work?.isActive === true, 30_000);
    const fresh = origin.add('/fill/old', 4 * MIB);
    const { json } = await send(cache, 'POST', '/purge', { urls: [`http://${HOST}/fill/old`] });
    expect(json).toMatchObject({ objects: 1, inUse: 1, fillsCut: 1, inUseKeys: [`${HOST}/fill/old`] });
    const after = await cache.get('/fill/old');
    expect([after.status, after.body.equals(fresh)]).toEqual([200, true]);
    expect(await running).toBe('cut');
    await cache.stop();
  }, 60_000);

  test('an origin that was asked before the purge is asked again: neither who waits nor who comes later gets the old', async () => {
    const cache = await TestCache.start(origin);
    const body = origin.add('/slow-head', 1000);
    let letGo: () => void = () => {};
    let asked = 0;
    const gate = cache.node.gate;
    const open = gate.open.bind(gate);
    gate.open = async (request) => {
      const response = await open(request);
      asked += 1;
      if (asked === 1) await new Promise<void>((resolve) => (letGo = resolve));
      return response;
    };
    const waiting = cache.get('/slow-head');
    await eventually(() => asked === 1, 30_000);
    const fresh = origin.add('/slow-head', 1000);
    await send(cache, 'POST', '/purge', { tags: [], prefixes: [`http://${HOST}/slow`] });
    const later = await cache.get('/slow-head');
    letGo();
    expect((await waiting).body.equals(fresh)).toBe(true);
    expect([later.body.equals(fresh), body.equals(fresh)]).toEqual([true, false]);
    expect((await cache.get('/slow-head')).body.equals(fresh)).toBe(true);
    await cache.stop();
  }, 60_000);

  test('a drive that was out when a purge came gives nothing of it back', async () => {
    const root = await mkdtemp(join(tmpdir(), 'wayside-purge-'));
    const [one, two] = [join(root, 'one'), join(root, 'two')];
    await Promise.all([mkdir(one), mkdir(two)]);
    const cache = await TestCache.start(origin, { CACHE_DRIVES: `${one},0.1,${two},0.1` });
    const paths = Array.from({ length: 8 }, (_, i) => `/out/${i}`);
    for (const path of [...paths, '/kept']) {
      origin.add(path, MIB);
      await cache.get(path);
    }
    const { drives } = cache.node.store;
    await drives[0]?.committed();
    await rename(one, join(root, 'gone'));
    await drives[0]?.probe();
    expect(drives[0]?.isUp).toBe(false);
    const { json } = await send(cache, 'POST', '/purge', { prefixes: [`http://${HOST}/out/`] });
    expect(json.drives.map(({ state }: { state: string }) => state)).toEqual(['out', 'done']);
    await rename(join(root, 'gone'), one);
    await drives[0]?.probe();
    expect(drives[0]?.isUp).toBe(true);
    const fresh = new Map(paths.map((path) => [path, origin.add(path, MIB)]));
    for (const path of paths) expect((await cache.get(path)).body.equals(fresh.get(path) as Buffer)).toBe(true);
    expect(await resultOf(cache, '/kept')).toBe('HIT');
    await cache.stop();
    await rm(root, { recursive: true });
  }, 60_000);
});

describe('who may', () => {
  test('every problem of a bad request is named and nothing goes', async () => {
    const cache = await TestCache.start(origin);
    origin.add('/stays', 10);
    await cache.get('/stays');
    const { status, json } = await send(cache, 'POST', '/purge', { urls: ['ftp://x', 5], hosts: 7, speed: 1 });
    expect(status).toBe(400);
    expect(json.error.code).toBe('CACHE_PURGE_INVALID');
    expect(json.error.problems.map(({ path }: { path: string }) => path).sort()).toEqual([
      'hosts',
      'speed',
      'urls.0',
      'urls.1',
    ]);
    expect((await send(cache, 'POST', '/purge', {})).status).toBe(400);
    const broken = await fetchRaw(cache.node.operations.port, '/purge', 'POST', { 'Content-Type': 'application/json' });
    expect(broken.status).toBe(400);
    expect(await resultOf(cache, '/stays')).toBe('HIT');
    await cache.stop();
  }, 30_000);

  test('with a token only with it, as it stands in the file now; never from a page in a browser', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-token-'));
    const file = join(directory, 'token');
    await writeFile(file, 'first-token\n');
    const cache = await TestCache.start(origin, { CACHE_OPERATIONS_TOKEN_FILE: file });
    const ask = async (headers: Record<string, string>) =>
      (await send(cache, 'POST', '/purge', { all: true }, headers)).status;
    expect([
      await ask({}),
      await ask({ Authorization: 'Bearer wrong' }),
      await ask({ Authorization: 'Bearer first-token' }),
    ]).toEqual([401, 401, 200]);
    await writeFile(file, 'second-token\n');
    expect([
      await ask({ Authorization: 'Bearer first-token' }),
      await ask({ Authorization: 'Bearer second-token' }),
    ]).toEqual([401, 200]);
    await rm(file);
    expect(await ask({})).toBe(401);
    await cache.stop();
    await rm(directory, { recursive: true });
    const open = await TestCache.start(origin);
    const status = (await send(open, 'POST', '/purge', { all: true }, { Origin: 'http://evil.example' })).status;
    expect(status).toBe(403);
    await open.stop();
  }, 30_000);
});

// What an origin of the allow list does with HTTP that a plain reverse proxy passes on, the switches that change it while it runs, and that
// what a change made void stays void when the process is killed behind it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { KilledCache } from './killed-cache.ts';
import { ScriptedOrigin } from './scripted-origin.ts';
import { eventually, fetchRaw, HOST, TestCache } from './test-cache.ts';

const WAIT_MS = 60_000;
jest.setTimeout(WAIT_MS);
const FRESH = { 'Cache-Control': 'max-age=3600' };
const origin = new ScriptedOrigin();
let cache: TestCache;

beforeAll(async () => {
  await origin.start();
  cache = new TestCache(await mkdtemp(join(tmpdir(), 'wayside-semantics-')), {});
  await cache.open();
}, WAIT_MS);

afterAll(async () => {
  await cache.stop();
  await origin.stop();
});

async function settle(more: object): Promise<void> {
  const { problems } = await cache.node.settings.take({ origins: { test: { hosts: HOST, url: origin.url, ...more } } });
  expect(problems).toEqual([]);
}

/** Says which language and cookie it was asked with, and that it matters. */
function speaks(path: string): void {
  origin.on(path, ({ headers }, response) => {
    response.writeHead(200, { ...FRESH, Vary: 'Accept-Language', 'Set-Cookie': 'a=1' });
    response.end(`${headers['accept-language']} ${headers.cookie}`);
  });
}

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  cache.get(path, { headers, method });

test('content: everyone gets the same, asked for in the name of the cache; reloads and changes do not reach the origin', async () => {
  await settle({});
  origin.says('/content', FRESH);
  await ask('/content', { 'Accept-Language': 'de', Cookie: 'id=1' });
  for (const [name, value] of Object.entries({
    'Cache-Control': 'no-cache',
    Pragma: 'no-cache',
    'Accept-Language': 'fr',
  }))
    expect((await ask('/content', { [name]: value })).headers['x-cache']).toBe('HIT');
  const [asked] = origin.of('/content');
  expect([asked?.headers['accept-language'], asked?.headers.cookie]).toEqual([undefined, undefined]);
  expect((await ask('/content', {}, 'POST')).status).toBe(405);
  expect(origin.of('/content')).toHaveLength(1);
});

test('content, Vary: one copy; http from then on: what was stored before is not taken for a variant', async () => {
  await settle({});
  origin.says('/switched', { ...FRESH, Vary: 'Accept-Language' });
  await ask('/switched', { 'Accept-Language': 'de' });
  expect((await ask('/switched', { 'Accept-Language': 'fr' })).headers['x-cache']).toBe('HIT');
  await settle({ semantics: 'http' });
  speaks('/switched');
  const german = await ask('/switched', { 'Accept-Language': 'de', Cookie: 'id=1' });
  expect([german.body.toString(), german.headers['set-cookie']]).toEqual(['de id=1', ['a=1']]);
  expect((await ask('/switched', { 'Accept-Language': 'fr' })).body.toString()).toBe('fr undefined');
  expect((await ask('/switched', { 'Accept-Language': 'de' })).headers['x-cache']).toBe('HIT');
});

test('switches of one origin: changes are passed on, reloads of clients are not', async () => {
  await settle({ semantics: 'http', allowUnsafeMethods: true, honourClientCacheControl: false });
  origin.says('/switches', FRESH);
  await ask('/switches');
  expect((await ask('/switches', { 'Cache-Control': 'no-cache' })).headers['x-cache']).toBe('HIT');
  expect((await ask('/switches', {}, 'DELETE')).status).toBe(200);
  expect((await ask('/switches')).headers['x-cache']).toBe('MISS');
  await settle({ semantics: 'http' });
  expect((await ask('/switches', {}, 'DELETE')).status).toBe(405);
  expect((await ask('/switches', { 'Cache-Control': 'no-cache' })).headers['x-cache']).not.toBe('HIT');
});

test('wrong switches are named, nothing changes', async () => {
  const { problems } = await cache.node.settings.take({
    origins: { test: { hosts: HOST, semantics: 'magic', allowUnsafeMethods: 'yes', honourClientCacheControl: 1 } },
  });
  expect(problems).toEqual([
    { path: 'origins.test.semantics', message: 'is "magic", wanted content or http' },
    { path: 'origins.test.allowUnsafeMethods', message: 'is "yes", wanted true or false' },
    { path: 'origins.test.honourClientCacheControl', message: 'is 1, wanted true or false' },
  ]);
});

test('OPTIONS with Max-Forwards ends where it says (RFC 9110 7.6.2)', async () => {
  await settle({ semantics: 'http', allowUnsafeMethods: true });
  origin.says('/hops', {});
  expect((await ask('/hops', { 'Max-Forwards': '0' }, 'OPTIONS')).headers.allow).toBe('GET, HEAD, OPTIONS');
  expect(origin.of('/hops')).toHaveLength(0);
  await ask('/hops', { 'Max-Forwards': '5' }, 'OPTIONS');
  expect(origin.of('/hops')[0]?.headers['max-forwards']).toBe('4');
});

test('what DELETE made void stays void after kill -9; variants and statuses that were stored stay', async () => {
  const drive = await mkdtemp(join(tmpdir(), 'wayside-void-'));
  const stored = new Set<string>();
  let killed = await KilledCache.start(`${drive},1`, origin.url, (key) => stored.add(key));
  try {
    const get = (path: string, method = 'GET') => fetchRaw(killed.port, path, method, {});
    origin.says('/void/gone', FRESH);
    origin.says('/void/stays', FRESH, 404);
    for (const path of ['/void/gone', '/void/stays']) {
      await get(path);
      await eventually(() => stored.has(`default${path}`), WAIT_MS);
    }
    expect((await get('/void/gone', 'DELETE')).status).toBe(200);
    await killed.kill();
    killed = await KilledCache.start(`${drive},1`, origin.url);
    expect((await get('/void/gone')).headers['x-cache']).toBe('MISS');
    const stays = await get('/void/stays');
    expect([stays.status, stays.headers['x-cache']]).toEqual([404, 'HIT']);
  } finally {
    await killed.kill();
    await rm(drive, { recursive: true, force: true });
  }
});

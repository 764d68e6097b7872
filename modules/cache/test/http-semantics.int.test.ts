// RFC 9110 and 9111 over real sockets, the cache as a plain reverse proxy: the part of the public conformance suite that needs no waiting,
// and what that suite does not ask. docs/conformance.md has the score of the suite itself.

import { mkdtemp } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ScriptedOrigin } from './scripted-origin.ts';
import { type Answer, eventually, fetchRaw, rawExchange, TestCache } from './test-cache.ts';

const WAIT_MS = 30_000;
jest.setTimeout(WAIT_MS);
const FRESH = { 'Cache-Control': 'max-age=3600' };
const DO_LITE = 'Microsoft-Delivery-Optimization-Lite/3.0';
const origin = new ScriptedOrigin();
let cache: TestCache;

beforeAll(async () => {
  await origin.start();
  const directory = await mkdtemp(join(tmpdir(), 'wayside-http-'));
  cache = new TestCache(directory, { CACHE_ORIGIN: origin.url });
  await cache.open();
}, WAIT_MS);

afterAll(async () => {
  await cache.stop();
  await origin.stop();
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetchRaw(cache.port, path, method, headers);
const bodies = (...answers: Answer[]) => answers.map(({ body }) => body.toString());

/** A request with a body; without a length it goes in chunks. */
function send(method: string, path: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: cache.port, path, method, headers, agent: false };
    const request = httpRequest(options, async (response) => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      const { statusCode = 0, rawHeaders } = response;
      resolve({
        status: statusCode,
        headers: response.headers,
        rawHeaders,
        body: Buffer.concat(pieces),
        firstByteMs: 0,
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('what is stored (RFC 9111 3, 4.2)', () => {
  test.each<[string, Record<string, string>, 'hit' | 'asked again']>([
    ['max-age', { 'Cache-Control': 'max-age=60' }, 'hit'],
    ['s-maxage', { 'Cache-Control': 'max-age=0, s-maxage=60' }, 'hit'],
    ['expires', { Expires: new Date(Date.now() + 1e6).toUTCString() }, 'hit'],
    ['expires-invalid', { Expires: 'Thu, 18 Aug 2050 02:01:18 UTC' }, 'asked again'],
    ['heuristic', { 'Last-Modified': 'Thu, 01 Jan 2015 00:00:00 GMT' }, 'hit'],
    ['nothing', {}, 'asked again'],
    ['no-store', { 'Cache-Control': 'no-store, max-age=60' }, 'asked again'],
    ['private', { 'Cache-Control': 'private, max-age=60' }, 'asked again'],
    ['no-cache', { 'Cache-Control': 'no-cache, max-age=60' }, 'asked again'],
    ['no-cache-field', { 'Cache-Control': 'no-cache="set-cookie", max-age=60' }, 'asked again'],
    ['aged', { 'Cache-Control': 'max-age=60', Age: '60' }, 'asked again'],
    ['aged-first', { 'Cache-Control': 'max-age=60', Age: '0, 60' }, 'hit'],
    ['cdn', { 'CDN-Cache-Control': 'max-age=60', 'Cache-Control': 'no-store' }, 'hit'],
    ['cdn-invalid', { 'CDN-Cache-Control': 'max-age="60"', 'Cache-Control': 'no-store' }, 'asked again'],
    ['must-understand', { 'Cache-Control': 'max-age=60, no-store, must-understand' }, 'hit'],
    ['vary-star', { 'Cache-Control': 'max-age=60', Vary: '*' }, 'asked again'],
  ])('%s: %j: %s', async (name, headers, expected) => {
    const path = `/stored/${name}`;
    origin.says(path, headers);
    const answers = [await get(path), await get(path)];
    const isHit = expected === 'hit';
    expect(bodies(...answers)).toEqual([`${path}#1`, isHit ? `${path}#1` : `${path}#2`]);
    expect(answers[1]?.headers['x-cache'] === 'HIT').toBe(isHit);
    expect(answers[1]?.headers['cache-status'] === 'wayside; hit').toBe(isHit);
  });

  test.each([203, 204, 299, 301, 302, 307, 308, 400, 404, 410, 500, 503, 599])(
    'status %d with a lifetime is kept, without one it is not',
    async (status) => {
      const [kept, passed] = [`/status/${status}`, `/status/${status}-bare`];
      origin.says(kept, FRESH, status);
      origin.says(passed, {}, status);
      for (const path of [kept, kept, passed, passed]) expect((await get(path)).status).toBe(status);
      expect([origin.of(kept).length, origin.of(passed).length]).toEqual([1, 2]);
    },
  );

  test('kept statuses are masked for Delivery Optimization Lite, and 204 never reaches it (connected-cache R2, R6)', async () => {
    origin.says('/masked/404', FRESH, 404);
    origin.says('/masked/204', FRESH, 204);
    for (const path of ['/masked/404', '/masked/204']) {
      for (let i = 0; i < 2; i += 1) {
        const masked = await get(path, { 'User-Agent': DO_LITE });
        expect([masked.status, masked.headers['content-length']]).toEqual([502, '0']);
        expect((await get(path)).status).toBe(Number(path.slice(-3)));
      }
      expect(origin.of(path)).toHaveLength(1);
    }
  });

  test('a request with Authorization: its answer is shared only where the response allows it (3.5)', async () => {
    const headers = { Authorization: 'Basic YTpi' };
    origin.says('/auth/own', FRESH);
    origin.says('/auth/shared', { 'Cache-Control': 'max-age=60, public' });
    expect(bodies(await get('/auth/own', headers), await get('/auth/own'))).toEqual(['/auth/own#1', '/auth/own#2']);
    const shared = [await get('/auth/shared', headers), await get('/auth/shared')];
    expect(bodies(...shared)).toEqual(['/auth/shared#1', '/auth/shared#1']);
    expect(origin.of('/auth/own')[0]?.headers.authorization).toBe(headers.Authorization);
  });

  test('what is made for one client reaches nobody else who waits at the same time', async () => {
    origin.on('/own', (asked, response) => {
      setImmediate(() => response.end(`for ${asked.headers.cookie}`));
    });
    const clients = Array.from({ length: 20 }, (_, i) => `id=${i}`);
    const answers = await Promise.all(clients.map((Cookie) => get('/own', { Cookie })));
    expect(bodies(...answers)).toEqual(clients.map((cookie) => `for ${cookie}`));
  });
});

describe('variants (RFC 9111 4.1)', () => {
  test('are kept side by side, found by equal meaning, and survive a restart', async () => {
    origin.on('/vary', (asked, response) => {
      const body = `in ${asked.headers['accept-language'] ?? 'none'}`;
      response.writeHead(200, { ...FRESH, Vary: 'Accept-Language, X-Kind', 'Content-Length': body.length });
      response.end(body);
    });
    const ask = async (language?: string) =>
      (await get('/vary', language === undefined ? {} : { 'Accept-Language': language })).body.toString();
    expect([await ask('de, en'), await ask('fr'), await ask()]).toEqual(['in de, en', 'in fr', 'in none']);
    expect([await ask('EN,  de'), await ask('fr'), await ask()]).toEqual(['in de, en', 'in fr', 'in none']);
    expect(origin.of('/vary')).toHaveLength(3);
    await cache.node.stop();
    await cache.open();
    expect([await ask('en, de'), await ask('fr')]).toEqual(['in de, en', 'in fr']);
    expect(origin.of('/vary')).toHaveLength(3);
    expect((await get('/vary', { 'Accept-Language': 'fr', 'X-Kind': '1' })).headers['x-cache']).toBe('MISS');
  });

  test('the language a client wants most is found among those that are there', async () => {
    origin.says('/language', { ...FRESH, Vary: 'Accept-Language', 'Content-Language': 'de' });
    await get('/language', { 'Accept-Language': 'en, de' });
    expect((await get('/language', { 'Accept-Language': 'fr;q=0.5, de' })).headers['x-cache']).toBe('HIT');
    expect((await get('/language', { 'Accept-Language': 'de;q=0.5, fr' })).headers['x-cache']).toBe('MISS');
  });

  test('clients that wait for one answer and want different variants get their own', async () => {
    origin.on('/vary-rush', (asked, response) => {
      response.writeHead(200, { ...FRESH, Vary: 'X-Kind' });
      setImmediate(() => response.end(`kind ${asked.headers['x-kind']}`));
    });
    const kinds = Array.from({ length: 12 }, (_, i) => String(i % 3));
    const answers = await Promise.all(kinds.map((kind) => get('/vary-rush', { 'X-Kind': kind })));
    expect(bodies(...answers)).toEqual(kinds.map((kind) => `kind ${kind}`));
  });
});

describe('validation and stale use', () => {
  test('304 renews the stored fields but not the length and the type (3.2)', async () => {
    origin.on('/renew', (asked, response, count) => {
      const headers = { 'Cache-Control': 'max-age=60', ETag: '"a"', 'X-Round': String(count) };
      if (asked.headers['if-none-match'] === '"a"') {
        response.writeHead(304, { ...headers, 'Content-Type': 'x/y' });
        return void response.end();
      }
      response.writeHead(200, { ...headers, Age: '60', 'Content-Type': 'text/plain', 'Content-Length': 4 });
      response.end('body');
    });
    await get('/renew');
    for (let i = 0; i < 2; i += 1) {
      const { status, headers, body } = await get('/renew');
      expect([status, headers['x-round'], headers['content-type'], body.toString()]).toEqual([
        200,
        '2',
        'text/plain',
        'body',
      ]);
    }
    expect(origin.of('/renew')).toHaveLength(2);
  });

  test('stale-while-revalidate answers at once and asks behind it (RFC 5861 3)', async () => {
    const headers = { 'Cache-Control': 'max-age=10, stale-while-revalidate=1000' };
    origin.on('/swr', (_asked, response, count) => {
      response.writeHead(200, count === 1 ? { ...headers, Age: '20' } : headers);
      response.end(`#${count}`);
    });
    await get('/swr');
    const stale = await get('/swr');
    expect([stale.body.toString(), stale.headers['x-cache']]).toEqual(['#1', 'STALE']);
    await eventually(async () => (await get('/swr')).body.toString() === '#2', WAIT_MS);
    expect(origin.of('/swr')).toHaveLength(2);
  });

  test.each([
    ['max-age=1', 200, '#1'],
    ['max-age=1, stale-if-error=1000', 200, '#1'],
    ['max-age=1, must-revalidate', 503, ''],
    ['max-age=1, proxy-revalidate', 503, ''],
    ['s-maxage=1', 503, ''],
    ['max-age=1, no-cache', 503, ''],
    ['max-age=1, stale-if-error=2', 503, ''],
  ])('%s, then the origin says 503: %d (RFC 5861 4)', async (control, status, text) => {
    const path = `/error/${encodeURIComponent(control)}`;
    origin.on(path, (_asked, response, count) => {
      response.writeHead(count === 1 ? 200 : 503, { 'Cache-Control': control, ETag: '"x"', Age: '50' });
      response.end(count === 1 ? '#1' : '');
    });
    await get(path);
    const answer = await get(path);
    expect([answer.status, answer.body.toString()]).toEqual([status, text]);
  });

  test('HEAD goes through, renews what is stored and makes another representation void (4.3.5)', async () => {
    origin.on('/head', (asked, response, count) => {
      const etag = count < 3 ? '"one"' : '"two"';
      response.writeHead(200, {
        'Cache-Control': 'max-age=60',
        ETag: etag,
        'X-Round': String(count),
        'Content-Length': 3,
        Age: '60',
      });
      response.end(asked.method === 'HEAD' ? undefined : 'abc');
    });
    await get('/head');
    expect((await get('/head', {}, 'HEAD')).headers['x-round']).toBe('2');
    expect(origin.of('/head').map(({ method }) => method)).toEqual(['GET', 'HEAD']);
    expect((await get('/head', { 'Cache-Control': 'max-stale' })).headers['x-round']).toBe('2');
    await get('/head', {}, 'HEAD');
    expect((await get('/head', { 'Cache-Control': 'max-stale' })).headers['x-round']).toBe('4');
  });

  test.each([
    [{ 'If-None-Match': '"x", W/"tag"' }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"x"', 'If-Modified-Since': 'Fri, 01 Jan 2038 00:00:00 GMT' }, 200],
    [{ 'If-Modified-Since': 'Thursday, 01-Jan-15 00:00:00 GMT' }, 304],
    [{ 'If-Modified-Since': 'Wed, 31 Dec 2014 00:00:00 GMT' }, 200],
    [{ 'If-Modified-Since': '2038-01-01' }, 200],
    [{ Range: 'bytes=0-1', 'If-Range': '"tag"' }, 206],
    [{ Range: 'bytes=0-1', 'If-Range': 'W/"tag"' }, 200],
    [{ Range: 'bytes=99-' }, 416],
  ])('%j of a stored response: %d (RFC 9110 13)', async (headers, status) => {
    origin.says('/conditions', { ...FRESH, ETag: '"tag"', 'Last-Modified': 'Thu, 01 Jan 2015 00:00:00 GMT' });
    await get('/conditions');
    const answer = await get('/conditions', headers as unknown as Record<string, string>);
    expect(answer.status).toBe(status);
    expect(origin.of('/conditions')).toHaveLength(1);
  });

  test("If-Match is the origin's to judge (4.3.2)", async () => {
    origin.on('/if-match', (asked, response) => {
      response.writeHead(asked.headers['if-match'] === '"other"' ? 412 : 200, FRESH);
      response.end();
    });
    await get('/if-match');
    expect((await get('/if-match', { 'If-Match': '"other"' })).status).toBe(412);
  });
});

describe('Cache-Control of clients (RFC 9111 5.2.1)', () => {
  test.each<[Record<string, string>, number, number]>([
    [{}, 200, 1],
    [{ 'Cache-Control': 'no-cache' }, 200, 2],
    [{ Pragma: 'no-cache' }, 200, 2],
    [{ 'Cache-Control': 'max-age=0' }, 200, 2],
    [{ 'Cache-Control': 'max-age=50' }, 200, 1],
    [{ 'Cache-Control': 'min-fresh=50' }, 200, 1],
    [{ 'Cache-Control': 'min-fresh=9000' }, 200, 2],
    [{ 'Cache-Control': 'no-store' }, 200, 2],
    [{ 'Cache-Control': 'only-if-cached' }, 200, 1],
  ])('%j of a fresh one: %d after %d requests', async (headers, status, requests) => {
    const path = `/client/${encodeURIComponent(JSON.stringify(headers))}`;
    origin.says(path, FRESH);
    await get(path);
    expect((await get(path, headers)).status).toBe(status);
    expect(origin.of(path)).toHaveLength(requests);
  });

  test('only-if-cached of nothing is 504 and the origin hears nothing', async () => {
    expect((await get('/client/none', { 'Cache-Control': 'only-if-cached' })).status).toBe(504);
    expect(origin.of('/client/none')).toHaveLength(0);
  });
});

describe('methods that change something (RFC 9110 9.2, RFC 9111 4.4)', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH'])(
    '%s is passed on and makes the target void',
    async (method) => {
      const path = `/change/${method}`;
      origin.says(path, FRESH);
      await get(path);
      const answer = await send(method, path, Buffer.from('abc'), { 'Content-Length': '3', 'Content-Type': 'text/x' });
      expect([answer.status, answer.body.toString()]).toEqual([200, `${path}#2`]);
      const [, changed] = origin.of(path);
      expect([changed?.method, changed?.body.toString(), changed?.headers['content-type']]).toEqual([
        method,
        'abc',
        'text/x',
      ]);
      expect(bodies(await get(path), await get(path))).toEqual([`${path}#3`, `${path}#3`]);
    },
  );

  test('an error changes nothing, OPTIONS neither', async () => {
    origin.on('/change/failed', (asked, response) => {
      response.writeHead(asked.method === 'GET' ? 200 : asked.method === 'OPTIONS' ? 204 : 500, FRESH);
      response.end();
    });
    await get('/change/failed');
    expect((await send('PUT', '/change/failed', Buffer.from('x'))).status).toBe(500);
    expect((await send('OPTIONS', '/change/failed', Buffer.alloc(0), { 'Content-Length': '0' })).status).toBe(204);
    expect((await get('/change/failed')).headers['x-cache']).toBe('HIT');
  });

  test('all variants go, and what Location and Content-Location name on this host', async () => {
    origin.says('/change/list', { ...FRESH, Vary: 'X-Kind' });
    origin.says('/change/item', FRESH);
    origin.says('/change/new', FRESH);
    origin.on('/change/act', (_asked, response) => {
      response.writeHead(201, {
        Location: '/change/new',
        'Content-Location': `${origin.url}/change/item`,
        'Content-Length': 0,
      });
      response.end();
    });
    const all = ['/change/item', '/change/new'];
    for (const path of all) await get(path);
    for (const kind of ['a', 'b']) await get('/change/list', { 'X-Kind': kind });
    await send('POST', '/change/act', Buffer.from('x'));
    for (const path of all) expect((await get(path)).body.toString()).toBe(`${path}#2`);
    await send('DELETE', '/change/list', Buffer.alloc(0), { 'Content-Length': '0' });
    for (const kind of ['a', 'b'])
      expect((await get('/change/list', { 'X-Kind': kind })).headers['x-cache']).toBe('MISS');
  });

  test('a body of many pieces without a length arrives whole', async () => {
    const body = Buffer.alloc(3 * 1024 * 1024, 'wayside ');
    origin.says('/change/large', {});
    const answer = await send('PUT', '/change/large', body, { 'Transfer-Encoding': 'chunked' });
    expect(answer.status).toBe(200);
    expect(origin.of('/change/large')[0]?.body.equals(body)).toBe(true);
  });

  test('POST is kept for GET when its answer says that it is that (RFC 9110 9.3.3)', async () => {
    origin.says('/change/kept', { ...FRESH, 'Content-Location': '/change/kept' });
    origin.says('/change/unkept', FRESH);
    for (const path of ['/change/kept', '/change/unkept']) await send('POST', path, Buffer.from('q'));
    expect(bodies(await get('/change/kept'), await get('/change/unkept'))).toEqual([
      '/change/kept#1',
      '/change/unkept#2',
    ]);
  });

  test('is sent once even when the connection breaks', async () => {
    origin.on('/change/broken', (_asked, response) => response.socket?.destroy() as never);
    expect((await send('POST', '/change/broken', Buffer.from('x'))).status).toBe(502);
    expect(origin.of('/change/broken')).toHaveLength(1);
  });

  test('an origin that closes on some requests is not left alone for the others', async () => {
    origin.on('/change/closes', (_asked, response) => response.socket?.destroy() as never);
    origin.says('/change/works', {});
    for (let i = 0; i < 12; i += 1) expect((await get('/change/closes')).status).toBe(502);
    expect((await get('/change/works')).status).toBe(200);
  });

  test('clients that leave amid their bodies do not make the origin seem out', async () => {
    origin.says('/change/left', {});
    for (let i = 0; i < 12; i += 1) {
      const seen = cache.node.gate.failures;
      const text = 'POST /change/left HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc';
      const socket = connect(cache.port, '127.0.0.1', () => socket.write(text));
      socket.on('error', () => {});
      await eventually(() => cache.node.gate.transfers > 0, WAIT_MS);
      socket.destroy();
      await eventually(() => cache.node.gate.failures > seen && cache.node.gate.transfers === 0, WAIT_MS);
    }
    expect((await send('POST', '/change/left', Buffer.from('abc'))).status).toBe(200);
    expect(origin.of('/change/left')).toHaveLength(1);
  });

  test.each(['TRACE'])('%s ends here with 405', async (method) => {
    const answer = await get('/change/none', {}, method);
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
  });
});

describe('fields and interim responses (RFC 9110 7.6, 15.2)', () => {
  test('hop-by-hop fields end here both ways, Via grows both ways', async () => {
    origin.on('/fields', (_asked, response) => {
      response.writeHead(200, {
        ...FRESH,
        Connection: 'X-Hop',
        'X-Hop': '1',
        'X-End': '2',
        'Proxy-Authenticate': 'Basic',
        Via: '1.1 before',
        'Set-Cookie': ['a=1; Expires=Thu, 01 Jan 2037 00:00:00 GMT', 'b=2'],
      });
      response.end('x');
    });
    const headers = { Connection: 'close, X-Mine', 'X-Mine': '1', 'X-Kept': '2', TE: 'trailers', Via: '1.0 me' };
    for (let i = 0; i < 2; i += 1) {
      const answer = await get('/fields', { ...headers, 'X-Forwarded-For': '10.9.8.7' });
      expect(answer.headers['x-end']).toBe('2');
      expect(answer.headers.via).toBe('1.1 before, 1.1 wayside');
      expect(answer.headers['set-cookie']).toEqual(['a=1; Expires=Thu, 01 Jan 2037 00:00:00 GMT', 'b=2']);
      expect([answer.headers['x-hop'], answer.headers['proxy-authenticate']]).toEqual([undefined, undefined]);
    }
    const [seen] = origin.of('/fields');
    expect(seen?.headers).toMatchObject({ 'x-kept': '2', via: expect.stringMatching(/^1\.0 me, 1\.1 wayside-/) });
    for (const name of ['x-mine', 'te', 'x-forwarded-for']) expect(seen?.headers).not.toHaveProperty(name);
  });

  test('a response without Date gets the time it came, and keeps it (6.6.1)', async () => {
    origin.on('/undated', (_asked, response) => {
      response.sendDate = false;
      response.writeHead(200, { ...FRESH, 'Content-Length': 1 });
      response.end('x');
    });
    const fromMs = Math.floor(Date.now() / 1000) * 1000;
    const first = await get('/undated');
    const atMs = Date.parse(first.headers.date ?? '');
    expect(atMs >= fromMs && atMs <= Date.now()).toBe(true);
    // A second later the clock says otherwise.
    await eventually(() => Date.now() >= atMs + 1000, WAIT_MS);
    expect((await get('/undated')).headers.date).toBe(first.headers.date);
  });

  test('102 and 103 reach the one who waits and nobody after', async () => {
    origin.on('/interim', (_asked, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-early': '1' });
      response.writeHead(200, { ...FRESH, 'Content-Length': 2 });
      response.end('ok');
    });
    const raw = () =>
      rawExchange(cache.port, 'GET /interim HTTP/1.1\r\nHost: x\r\n\r\n', (bytes) => bytes.includes('\r\n\r\nok'));
    const first = (await raw()).toString('latin1');
    expect(first).toMatch(/^HTTP\/1\.1 102 [^\r]*\r\n[\s\S]*HTTP\/1\.1 103 [^\r]*\r\n[\s\S]*HTTP\/1\.1 200 /);
    expect(first).toMatch(/x-early: 1/i);
    const second = (await raw()).toString('latin1');
    expect(second).toMatch(/^HTTP\/1\.1 200 /);
    expect(second).not.toMatch(/x-early/i);
  });

  test.each([
    ['two lengths', 'POST /raw HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'length and chunks',
      'POST /raw HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a bad chunk', 'POST /raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n'],
    ['obs-fold', 'GET /raw HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n'],
    ['two Hosts', 'GET /raw HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n'],
    ['no Host', 'GET /raw HTTP/1.1\r\n\r\n'],
    ['a bare line feed', 'GET /raw HTTP/1.1\nHost: x\n\n'],
    ['a space before the colon', 'GET /raw HTTP/1.1\r\nHost : x\r\n\r\n'],
  ])('%s is refused with 400 and reaches no origin whole (RFC 9112 11.2)', async (_name, text) => {
    const answer = await rawExchange(cache.port, text, (bytes) => bytes.includes('\r\n\r\n'));
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 (400|502) /);
    expect(origin.of('/raw').filter(({ body }) => body.length > 0)).toHaveLength(0);
  });
});

describe('parts (RFC 9110 14, RFC 9111 3.3, 3.4)', () => {
  test('an origin that gives less than it was asked for: the parts are joined and kept', async () => {
    const body = Buffer.from(Array.from({ length: 250_000 }, (_, i) => i % 251));
    origin.on('/capped', (asked, response) => {
      const start = Number(/^bytes=(\d+)-/.exec(asked.headers.range ?? 'bytes=0-')?.[1]);
      const end = Math.min(body.length, start + 100_000);
      response.writeHead(206, {
        ...FRESH,
        ETag: '"v1"',
        'Content-Range': `bytes ${start}-${end - 1}/${body.length}`,
        'Content-Length': end - start,
      });
      response.end(body.subarray(start, end));
    });
    const whole = await get('/capped');
    expect([whole.status, whole.body.equals(body)]).toEqual([200, true]);
    expect(origin.of('/capped').map(({ headers }) => headers['if-range'])).toEqual([undefined, '"v1"', '"v1"']);
    const part = await get('/capped', { Range: 'bytes=99990-100010' });
    expect([part.status, part.headers['x-cache'], part.body.equals(body.subarray(99_990, 100_011))]).toEqual([
      206,
      'HIT',
      true,
    ]);
  });

  test('a range of what may not be stored is still answered as a range (connected-cache 3.8 b)', async () => {
    origin.on('/unstored', (_asked, response) => {
      response.writeHead(200, { 'Cache-Control': 'no-store', 'Content-Length': 10 });
      response.end('0123456789');
    });
    const answer = await get('/unstored', { Range: 'bytes=3-5' });
    expect([answer.status, answer.headers['content-range'], answer.body.toString()]).toEqual([
      206,
      'bytes 3-5/10',
      '345',
    ]);
  });

  test('an origin with its own idea of a range is passed on, not stored', async () => {
    origin.on('/odd', (_asked, response) => {
      response.writeHead(206, { ...FRESH, 'Content-Range': 'bytes 4-8/10', 'Content-Length': 5 });
      response.end('45678');
    });
    for (let i = 0; i < 2; i += 1) {
      const answer = await get('/odd', { Range: 'bytes=-5' });
      expect([answer.status, answer.headers['content-range'], answer.body.toString()]).toEqual([
        206,
        'bytes 4-8/10',
        '45678',
      ]);
    }
  });
});

// Rows 1 to 13 of the scoring table: hosts, keys, ranges, headers, over real sockets.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { HOST, rawExchange, sha256, TestCache } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
let origin: TestOrigin;
let cache: TestCache;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
  cache = await TestCache.start(origin, {
    CACHEABLE_CUSTOM_1_HOST: 'west.packages.example',
    CACHEABLE_CUSTOM_1_CANONICAL: 'packages',
    CACHEABLE_CUSTOM_1_URL: origin.url,
    CACHEABLE_CUSTOM_2_HOST: 'east.packages.example:80',
    CACHEABLE_CUSTOM_2_CANONICAL: 'packages',
    CACHEABLE_CUSTOM_2_URL: origin.url,
    CACHEABLE_CUSTOM_3_HOST: 'localhost',
  });
}, 30_000);

afterAll(async () => {
  await cache.stop();
  await origin.stop();
});

describe('hosts and keys', () => {
  test('1, 8: the health object comes from the origin once, then from the cache', async () => {
    const body = origin.add('/mscomtest/wuidt.gif', 969_710, { headers: { 'Content-Type': 'image/gif' } });
    const first = await cache.get('/mscomtest/wuidt.gif');
    expect([
      first.status,
      first.headers['content-type'],
      first.headers['content-length'],
      first.headers['x-cache'],
    ]).toEqual([200, 'image/gif', '969710', 'MISS']);
    const second = await cache.get('/mscomtest/wuidt.gif');
    expect(second.headers['x-cache']).toBe('HIT');
    expect(sha256(second.body)).toBe(sha256(body));
    expect(origin.of('/mscomtest/wuidt.gif')).toHaveLength(1);
  });

  test('3: Host form and parameter form are one entry', async () => {
    origin.add('/host-form', 5000);
    await cache.get('/host-form');
    const answer = await cache.get('/host-form', { host: null, headers: { Host: HOST } });
    expect([answer.status, answer.headers['x-cache']]).toEqual([200, 'HIT']);
    const absolute = await rawExchange(
      cache.port,
      `GET http://${HOST}/host-form HTTP/1.1\r\nHost: ignored.example\r\n\r\n`,
      (bytes) => bytes.includes('\r\n\r\n'),
    );
    expect(absolute.toString('latin1')).toMatch(/^HTTP\/1\.1 200 [\s\S]*X-Cache: HIT/);
  });

  test('4, 5: the parameter is stripped, the signed query stays byte for byte and is no part of the key', async () => {
    origin.add('/signed', 3000);
    const first = await cache.get('/signed?P1=1700&P2=404&P3=2&P4=ab%2bc%3d%3d');
    expect(first.headers['x-cache']).toBe('MISS');
    expect(origin.of('/signed')[0]?.url).toBe('/signed?P1=1700&P2=404&P3=2&P4=ab%2bc%3d%3d');
    expect((await cache.get('/signed?P1=9&P2=1&P3=1&P4=other')).headers['x-cache']).toBe('HIT');
    expect((await cache.get('/signed?version=2&P1=9')).headers['x-cache']).toBe('MISS');
    expect(origin.of('/signed')[0]?.headers.host).toBe(HOST);
  });

  test.each(['evil.test', '127.0.0.1', '169.254.169.254', '[::1]', '2130706433', '0x7f.1', 'localhost.', '%00', ''])(
    '6: %j is refused with 403 and the origin untouched',
    async (host) => {
      const before = origin.requests.length;
      const answer = await cache.get('/forbidden', { host });
      expect([answer.status, answer.body.length]).toEqual([403, 0]);
      expect(origin.requests).toHaveLength(before);
    },
  );

  test('6: a configured name that resolves to loopback is refused, there is no url for it', async () => {
    const answer = await cache.get('/inside', { host: 'localhost' });
    expect([answer.status, answer.body.length]).toEqual([403, 0]);
    expect(origin.of('/inside')).toHaveLength(0);
  });

  test('7: hosts with one canonical alias share one copy', async () => {
    origin.add('/pool/a.deb', 4000);
    expect((await cache.get('/pool/a.deb', { host: 'west.packages.example' })).headers['x-cache']).toBe('MISS');
    expect((await cache.get('/pool/a.deb', { host: 'east.packages.example' })).headers['x-cache']).toBe('HIT');
    expect(origin.of('/pool/a.deb')).toHaveLength(1);
  });

  test('methods other than GET and HEAD get 405', async () => {
    expect((await cache.get('/x', { method: 'POST' })).status).toBe(405);
  });

  test('HEAD of an unknown and of a stored object', async () => {
    origin.add('/head', 7000);
    const cold = await cache.get('/head', { method: 'HEAD' });
    expect([cold.status, cold.headers['content-length'], cold.body.length]).toEqual([200, '7000', 0]);
    await cache.get('/head');
    const warm = await cache.get('/head', { method: 'HEAD' });
    expect([warm.headers['content-length'], warm.headers['x-cache']]).toEqual(['7000', 'HIT']);
  });

  test('73: neither the client nor its address reaches the origin', async () => {
    origin.add('/private', 100);
    await cache.get('/private', {
      headers: { 'X-Forwarded-For': '10.1.2.3', Cookie: 'id=1', 'User-Agent': 'somebody' },
    });
    const seen = JSON.stringify(origin.of('/private')[0]?.headers);
    expect(seen).not.toMatch(/10\.1\.2\.3|id=1|somebody|x-forwarded/i);
  });
});

describe('ranges', () => {
  const SIZE = 5 * MIB + 123;
  let body: Buffer;
  beforeAll(() => {
    body = origin.add('/ranges', SIZE);
  });

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=5-10', 5, 11],
    ['bytes=-7', SIZE - 7, SIZE],
    [`bytes=${3 * MIB - 5}-${3 * MIB + 5}`, 3 * MIB - 5, 3 * MIB + 6],
    ['bytes=100-', 100, SIZE],
  ])('9: %s from a cold object and again', async (range, start, end) => {
    const path = `/ranges-${start}-${end}`;
    origin.add(path, SIZE, { body });
    for (let i = 0; i < 2; i += 1) {
      const answer = await cache.get(path, { headers: { Range: range } });
      expect([answer.status, answer.headers['content-range']]).toEqual([206, `bytes ${start}-${end - 1}/${SIZE}`]);
      expect(answer.headers['content-length']).toBe(String(end - start));
      expect(answer.body.equals(body.subarray(start, end))).toBe(true);
    }
    const chunks = Math.floor((end - 1) / MIB) - Math.floor(start / MIB) + 1;
    expect(origin.of(path).length).toBeLessThanOrEqual(chunks);
  });

  test('9: only the chunks touched are fetched', async () => {
    origin.add('/touched', SIZE, { body });
    const before = origin.sentBytes;
    await cache.get('/touched', { headers: { Range: `bytes=${2 * MIB}-${3 * MIB - 1}` } });
    expect(origin.sentBytes - before).toBe(MIB);
  });

  test('9: overlapping ranges at the same time fetch each chunk once', async () => {
    origin.add('/overlap', SIZE, { body, bytesPerSec: 20 * MIB });
    const before = origin.sentBytes;
    const [a, b] = await Promise.all([
      cache.get('/overlap', { headers: { Range: `bytes=0-${3 * MIB}` } }),
      cache.get('/overlap', { headers: { Range: `bytes=${MIB}-${4 * MIB}` } }),
    ]);
    expect(a.body.equals(body.subarray(0, 3 * MIB + 1))).toBe(true);
    expect(b.body.equals(body.subarray(MIB, 4 * MIB + 1))).toBe(true);
    expect(origin.sentBytes - before).toBeLessThanOrEqual(SIZE);
  });

  test('10: unsatisfiable, cold and warm', async () => {
    origin.add('/short', 1000);
    for (let i = 0; i < 2; i += 1) {
      const answer = await cache.get('/short', { headers: { Range: 'bytes=99999999-' } });
      expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */1000']);
      await cache.get('/short');
    }
  });

  test('10: a range behind the end gives nobody else a 416', async () => {
    const whole = origin.add('/short-shared', 1000);
    const [outside, all, part] = await Promise.all([
      cache.get('/short-shared', { headers: { Range: 'bytes=99999999-' } }),
      cache.get('/short-shared'),
      cache.get('/short-shared', { headers: { Range: 'bytes=10-19' } }),
    ]);
    expect([outside.status, all.status, part.status]).toEqual([416, 200, 206]);
    expect(all.body.equals(whole)).toBe(true);
    expect(part.body.equals(whole.subarray(10, 20))).toBe(true);
  });

  test('11: the last of two Range headers counts', async () => {
    await cache.get('/ranges');
    const text = `GET /ranges?cacheHostOrigin=${HOST} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-99\r\nrange: bytes=200-209\r\n\r\n`;
    const raw = await rawExchange(cache.port, text, (bytes) => bytes.includes('\r\n\r\n'));
    expect(raw.toString('latin1')).toContain(`Content-Range: bytes 200-209/${SIZE}\r\n`);
  });

  test.each([
    [false, 'length'],
    [true, 'chunked'],
  ])('12, 13: an origin without ranges (chunked: %s) still gives 206 with a length', async (chunked, name) => {
    const path = `/plain-${name}`;
    origin.add(path, SIZE, { body, noRanges: true, chunked });
    const answer = await cache.get(path, { headers: { Range: 'bytes=4000000-4000099' } });
    expect([answer.status, answer.headers['content-range']]).toEqual([206, `bytes 4000000-4000099/${SIZE}`]);
    expect(answer.body.equals(body.subarray(4_000_000, 4_000_100))).toBe(true);
    const whole = await cache.get(path);
    expect(sha256(whole.body)).toBe(sha256(body));
    // HEAD may have told the length; the bytes came once.
    expect(origin.of(path).filter(({ method }) => method !== 'HEAD')).toHaveLength(1);
  });

  test('13: canonical header case, never chunked, on a miss too', async () => {
    origin.add('/case', 2000, { headers: { 'x-custom-thing': '1' } });
    const text = `GET /case?cacheHostOrigin=${HOST} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const raw = (await rawExchange(cache.port, text, (bytes) => bytes.length > 2200)).toString('latin1');
    const head = raw.slice(0, raw.indexOf('\r\n\r\n'));
    expect(head).toContain('\r\nContent-Length: 2000');
    expect(head).toContain('\r\nX-Custom-Thing: 1');
    expect(head).not.toMatch(/transfer-encoding/i);
    for (const line of head.split('\r\n').slice(1)) expect(line).toMatch(/^[A-Z]/);
  });

  test('several ranges come as multipart/byteranges with a true length', async () => {
    await cache.get('/ranges');
    const answer = await cache.get('/ranges', { headers: { Range: `bytes=0-1,${MIB - 1}-${MIB + 1},-3` } });
    expect(answer.status).toBe(206);
    const boundary = /boundary=(\w+)/.exec(answer.headers['content-type'] ?? '')?.[1];
    const parts = answer.body.toString('latin1').split(`--${boundary}`);
    expect(parts).toHaveLength(5);
    expect(parts[1]).toContain(`Content-Range: bytes 0-1/${SIZE}\r\n\r\n${body.subarray(0, 2).toString('latin1')}\r\n`);
    expect(parts[2]).toContain(`\r\n\r\n${body.subarray(MIB - 1, MIB + 2).toString('latin1')}\r\n`);
    expect(parts[3]).toContain(`\r\n\r\n${body.subarray(SIZE - 3).toString('latin1')}\r\n`);
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
  });

  test('If-Range and conditions', async () => {
    const { headers } = await cache.get('/ranges', { method: 'HEAD' });
    const etag = headers.etag as string;
    const same = await cache.get('/ranges', { headers: { Range: 'bytes=1-2', 'If-Range': etag } });
    const other = await cache.get('/ranges', { headers: { Range: 'bytes=1-2', 'If-Range': '"other"' } });
    expect([same.status, other.status, other.body.length]).toEqual([206, 200, SIZE]);
    const unchanged = await cache.get('/ranges', { headers: { 'If-None-Match': `"x", W/${etag}` } });
    expect([unchanged.status, unchanged.body.length, unchanged.headers.etag]).toEqual([304, 0, etag]);
  });

  test('pipelined requests on one connection are answered in order', async () => {
    await cache.get('/ranges');
    const one = (from: number) =>
      `GET /ranges?cacheHostOrigin=${HOST} HTTP/1.1\r\nHost: x\r\nRange: bytes=${from}-${from + 2 * MIB - 1}\r\n\r\n`;
    const wanted = Buffer.concat([body.subarray(7, 7 + 2 * MIB), body.subarray(99, 99 + 2 * MIB)]);
    const raw = await rawExchange(cache.port, one(7) + one(99), (bytes) => bytes.length >= wanted.length + 600);
    const firstBody = raw.indexOf('\r\n\r\n') + 4;
    const first = raw.subarray(firstBody, firstBody + 2 * MIB);
    const rest = raw.subarray(firstBody + 2 * MIB);
    const second = rest.subarray(rest.indexOf('\r\n\r\n') + 4);
    expect(first.equals(body.subarray(7, 7 + 2 * MIB))).toBe(true);
    expect(second.subarray(0, MIB).equals(body.subarray(99, 99 + MIB))).toBe(true);
  });
});

import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createApp, GIF_PATH, generatedObject, OBJECT_BYTES_MAX, PNG_PATH } from './app.ts';
import { patternBytes, seedOf } from './pattern-bytes.ts';
import { LAST_MODIFIED } from './serve-object.ts';
import type { Stats } from './stats.ts';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer(createApp());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(async () => {
  await ask('/__stats/reset', {}, 'POST');
});

function ask(path: string, headers: { [name: string]: string } = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, headers, method }, (res) => {
      const parts: Buffer[] = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(parts) }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end();
  });
}

async function stats(): Promise<ReturnType<Stats['snapshot']>> {
  return JSON.parse((await ask('/__stats')).body.toString());
}

describe('fixed objects', () => {
  test('wuidt.gif is a GIF of 969710 bytes, always the same', async () => {
    const { status, headers, body } = await ask(`${GIF_PATH}?cacheHostOrigin=au.download.windowsupdate.com`);
    expect([status, headers['content-type'], headers['content-length'], body.length]).toEqual([
      200,
      'image/gif',
      '969710',
      969710,
    ]);
    expect(body.subarray(0, 6).toString()).toBe('GIF89a');
    expect(body.at(-1)).toBe(0x3b);
    // Walk the blocks as a decoder does: they must end exactly at the image and the trailer.
    let at = 19;
    expect([...body.subarray(at, at + 2)]).toEqual([0x21, 0xfe]);
    for (at += 2; body[at] !== 0; at += (body[at] as number) + 1);
    expect([body[at + 1], at + 1 + 16]).toEqual([0x2c, body.length]);
    expect(createHash('sha256').update(body).digest('hex')).toBe(
      createHash('sha256')
        .update((await ask(GIF_PATH)).body)
        .digest('hex'),
    );
  });

  test('Microsoft.png is a PNG', async () => {
    const { status, headers, body } = await ask(PNG_PATH);
    expect([status, headers['content-type']]).toEqual([200, 'image/png']);
    expect(body.subarray(1, 4).toString()).toBe('PNG');
    expect([body.readUInt32BE(16), body.readUInt32BE(20)]).toEqual([216, 216]);
  });
});

describe('generated objects', () => {
  test('each word holds its index xor the seed of the name', async () => {
    const { body, headers } = await ask('/bytes/1000/a.bin');
    expect(headers).toMatchObject({
      'content-length': '1000',
      'accept-ranges': 'bytes',
      'last-modified': LAST_MODIFIED,
    });
    expect(headers['cache-control']).toBe('public, max-age=86400');
    const digest = createHash('sha256').update('a.bin').digest();
    for (const word of [0, 1, 124])
      expect(body.readBigUInt64LE(word * 8)).toBe(BigInt(word) ^ digest.readBigUInt64LE(0));
  });

  test('any part is the same bytes as the whole', () => {
    const seed = seedOf('x');
    const whole = patternBytes(seed, 0, 5000);
    for (const [start, length] of [
      [0, 1],
      [7, 2],
      [8, 8],
      [4999, 1],
      [13, 4000],
      [3, 0],
    ] as const) {
      expect(patternBytes(seed, start, length).equals(whole.subarray(start, start + length))).toBe(true);
    }
  });

  test('words beyond 4 GiB of index keep their upper half', () => {
    const zero = { low: 0, high: 0 };
    expect(patternBytes(zero, 2 ** 35 + 8, 8).readBigUInt64LE(0)).toBe(2n ** 32n + 1n);
  });

  test('the last bytes of 4 GiB, without making the rest', async () => {
    const { status, headers, body } = await ask(`/bytes/${OBJECT_BYTES_MAX}/big`, { range: 'bytes=-16' });
    expect([status, headers['content-range']]).toEqual([
      206,
      `bytes ${OBJECT_BYTES_MAX - 16}-${OBJECT_BYTES_MAX - 1}/${OBJECT_BYTES_MAX}`,
    ]);
    expect(body.equals(patternBytes(seedOf('big'), OBJECT_BYTES_MAX - 16, 16))).toBe(true);
  });

  test('validators differ by name and by size', () => {
    const tags = [generatedObject('10', 'a'), generatedObject('11', 'a'), generatedObject('10', 'b')].map(
      (o) => o?.etag,
    );
    expect(new Set(tags).size).toBe(3);
  });

  test.each([
    '/bytes/4294967297/a',
    '/bytes/1e3/a',
    '/bytes/-1/a',
    '/bytes/10/',
    '/bytes/10/a%2Fb',
    `/bytes/10/${'n'.repeat(129)}`,
    '/none',
  ])('%s is 404', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  test('an empty object', async () => {
    const { status, headers } = await ask('/bytes/0/a');
    expect([status, headers['content-length']]).toEqual([200, '0']);
    expect((await ask('/bytes/0/a', { range: 'bytes=0-0' })).status).toBe(416);
  });
});

describe('ranges and conditions on 1000 bytes', () => {
  const PATH = '/bytes/1000/a';
  const etag = generatedObject('1000', 'a')?.etag as string;
  test.each<[string, { [name: string]: string }, number, number, string?]>([
    ['first bytes', { range: 'bytes=0-99' }, 206, 100, 'bytes 0-99/1000'],
    ['to the end', { range: 'bytes=900-' }, 206, 100, 'bytes 900-999/1000'],
    ['beyond the end', { range: 'bytes=990-2000' }, 206, 10, 'bytes 990-999/1000'],
    ['a suffix', { range: 'bytes=-10' }, 206, 10, 'bytes 990-999/1000'],
    ['a suffix longer than all', { range: 'bytes=-5000' }, 206, 1000, 'bytes 0-999/1000'],
    ['outside', { range: 'bytes=1000-' }, 416, 0, 'bytes */1000'],
    ['malformed', { range: 'bytes=a-b' }, 200, 1000],
    ['an empty suffix', { range: 'bytes=-0' }, 416, 0, 'bytes */1000'],
    ['another unit', { range: 'items=0-1' }, 200, 1000],
    ['two ranges', { range: 'bytes=0-1,5-6' }, 200, 1000],
    ['If-Range holds', { range: 'bytes=0-9', 'if-range': etag }, 206, 10],
    ['If-Range by date', { range: 'bytes=0-9', 'if-range': LAST_MODIFIED }, 206, 10],
    ['If-Range of another version', { range: 'bytes=0-9', 'if-range': '"other"' }, 200, 1000],
    ['If-Range weak', { range: 'bytes=0-9', 'if-range': `W/${etag}` }, 200, 1000],
    ['If-None-Match', { 'if-none-match': etag }, 304, 0],
    ['If-None-Match weak', { 'if-none-match': `W/${etag}` }, 304, 0],
    ['If-None-Match of another', { 'if-none-match': '"x"' }, 200, 1000],
    ['If-Modified-Since', { 'if-modified-since': LAST_MODIFIED }, 304, 0],
    ['If-Match', { 'if-match': etag }, 200, 1000],
    ['If-Match of another', { 'if-match': '"x"' }, 412, 0],
    ['If-Unmodified-Since long ago', { 'if-unmodified-since': 'Thu, 01 Jan 2015 00:00:00 GMT' }, 412, 0],
  ])('%s', async (_name, headers, status, length, ...[contentRange]) => {
    const answer = await ask(PATH, headers);
    expect([answer.status, answer.body.length]).toEqual([status, length]);
    if (contentRange !== undefined) expect(answer.headers['content-range']).toBe(contentRange);
    if (status === 206) {
      const start = Number(/bytes (\d+)/.exec(answer.headers['content-range'] as string)?.[1]);
      expect(answer.body.equals(patternBytes(seedOf('a'), start, length))).toBe(true);
    }
  });

  test('HEAD has the length and no body; Range means nothing to it', async () => {
    const { status, headers, body } = await ask(PATH, { range: 'bytes=0-1' }, 'HEAD');
    expect([status, headers['content-length'], body.length]).toEqual([200, '1000', 0]);
    expect((await stats()).bytes).toBe(0);
  });
});

describe('/__stats', () => {
  test('counts requests and bytes by path, keeps queries and headers, no client addresses', async () => {
    await ask('/bytes/100/a?P1=1&P4=x%2F', { 'x-forwarded-for': '203.0.113.9', 'user-agent': 'test' });
    await ask('/bytes/100/a', { range: 'bytes=0-9' });
    await ask('/none?secret=1');
    const seen = await stats();
    expect(seen).toMatchObject({ requests: 3, bytes: 110 });
    expect(seen.paths['/bytes/100/a']).toEqual({ requests: 2, bytes: 110 });
    expect(seen.last[0]).toMatchObject({
      method: 'GET',
      path: '/bytes/100/a',
      query: 'P1=1&P4=x%2F',
      status: 200,
      bytes: 100,
    });
    expect(seen.last[0]?.headers['user-agent']).toBe('test');
    expect(seen.last[2]).toMatchObject({ path: '/none', status: 404 });
    expect(JSON.stringify(seen)).not.toContain('203.0.113.9');
  });

  test('reset forgets; health probes and the counters themselves do not count', async () => {
    await ask('/bytes/1/a');
    await ask('/__healthz');
    expect((await stats()).requests).toBe(1);
    expect((await ask('/__stats/reset', {}, 'POST')).status).toBe(204);
    expect(await stats()).toEqual({ requests: 0, bytes: 0, paths: {}, last: [] });
  });

  test('a client that leaves ends the answer', async () => {
    await new Promise<void>((resolve) => {
      const req = request({ host: '127.0.0.1', port, path: `/bytes/${OBJECT_BYTES_MAX}/big` }, (res) => {
        res.once('data', () => req.destroy());
        res.once('close', resolve);
        res.on('error', () => undefined);
      });
      req.on('error', () => undefined);
      req.end();
    });
    const last = async () => (await stats()).last[0]?.bytes ?? 0;
    let before = -1;
    for (let now = await last(); now !== before; now = await last()) before = now;
    expect(before).toBeLessThan(64 * 1024 * 1024);
    expect(before).toBeGreaterThan(0);
  });
});

// A real web server as the origin: nginx with its own ETags, ranges and 304, behind the cache.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually, fetchRaw, sha256, TestCache } from './test-cache.ts';
import type { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
let directory: string;
let port: number;
let nginx: ChildProcess;
let cache: TestCache;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return free;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-nginx-'));
  await mkdir(join(directory, 'www'));
  port = await freePort();
  await writeFile(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${directory}/pid; error_log ${directory}/error.log;
     events {}
     http {
       access_log ${directory}/access.log; client_body_temp_path ${directory}/a; proxy_temp_path ${directory}/b;
       fastcgi_temp_path ${directory}/c; uwsgi_temp_path ${directory}/d; scgi_temp_path ${directory}/e;
       server {
         listen 127.0.0.1:${port}; root ${directory}/www;
         location / { add_header Cache-Control max-age=3600; }
         location /short/ { add_header Cache-Control max-age=0; }
       }
     }`,
  );
  nginx = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')], {
    stdio: 'ignore',
  });
  await eventually(async () => {
    try {
      await fetchRaw(port, '/', 'GET', {});
      return true;
    } catch {
      return false;
    }
  });
  cache = await TestCache.start({ url: `http://127.0.0.1:${port}` } as TestOrigin);
}, 30_000);

afterAll(async () => {
  await cache?.stop();
  if (nginx.exitCode === null) {
    const ended = new Promise((resolve) => nginx.once('exit', resolve));
    nginx.kill('SIGTERM');
    await ended;
  }
  await rm(directory, { recursive: true });
});

test('whole and by ranges: the bytes of nginx, each fetched once', async () => {
  const body = randomBytes(9 * MIB + 77);
  await writeFile(join(directory, 'www/big.bin'), body);
  const range = await cache.get('/big.bin', { headers: { Range: `bytes=${5 * MIB + 3}-${6 * MIB + 9}` } });
  expect([range.status, range.headers['content-range']]).toEqual([
    206,
    `bytes ${5 * MIB + 3}-${6 * MIB + 9}/${body.length}`,
  ]);
  expect(sha256(range.body)).toBe(sha256(body.subarray(5 * MIB + 3, 6 * MIB + 10)));
  const whole = await cache.get('/big.bin');
  expect([whole.status, sha256(whole.body)]).toEqual([200, sha256(body)]);
  const again = await cache.get('/big.bin');
  expect([again.headers['x-cache'], sha256(again.body)]).toEqual(['HIT', sha256(body)]);
});

test('a stale object is revalidated by its ETag; a changed one is replaced whole', async () => {
  await mkdir(join(directory, 'www/short'), { recursive: true });
  const file = join(directory, 'www/short/object.bin');
  const first = randomBytes(2 * MIB);
  await writeFile(file, first);
  expect(sha256((await cache.get('/short/object.bin')).body)).toBe(sha256(first));
  expect(sha256((await cache.get('/short/object.bin')).body)).toBe(sha256(first));
  const second = randomBytes(3 * MIB);
  await writeFile(file, second);
  await eventually(async () => sha256((await cache.get('/short/object.bin')).body) === sha256(second));
  const part = await cache.get('/short/object.bin', { headers: { Range: 'bytes=1000000-1999999' } });
  expect(sha256(part.body)).toBe(sha256(second.subarray(1_000_000, 2_000_000)));
});

test('what nginx does not have is its 404', async () => {
  expect((await cache.get('/missing.bin')).status).toBe(404);
});

// 72: 500 idle connections and 100 slow readers on a cache in a process of its own: resident memory stays where it was, and every byte is right.
// Ten times as many, and for longer: npm run soak -- --clients.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { SlowClients } from '../bench/slow-clients.ts';
import { CacheProcess } from './cache-process.ts';
import { eventually, fetchRaw } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const IDLE = 500;
const READERS = 100;
const MIB = 1024 * 1024;
const SIZE = 48 * MIB;
const TIMEOUT_MS = 180_000;
/** The sockets' own state in Node; a body's bytes would be a hundred times that. */
const KIB_PER_CLIENT_MAX = 96;

test(
  '72: idle and slow clients cost their sockets and nothing else',
  async () => {
    const origin = new TestOrigin();
    await origin.start();
    const directory = await mkdtemp(join(tmpdir(), 'wayside-slow-'));
    const cache = await CacheProcess.start({ CACHE_DRIVES: `${directory},1`, CACHE_ORIGIN: origin.url });
    const body = Buffer.alloc(SIZE, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
    origin.add('/slow', 0, { body });
    origin.add('/idle', 2000);
    const clients = new SlowClients({
      port: cache.content,
      idle: IDLE,
      readers: READERS,
      idlePath: '/idle',
      readerPath: '/slow',
      readerSizeBytes: SIZE,
      byteAt: (position) => position % 251,
      openAtOnce: 50,
    });
    try {
      expect((await fetchRaw(cache.content, '/slow', 'GET', {})).body.equals(body)).toBe(true);
      const before = await cache.state();
      await clients.start();
      await eventually(async () => (await cache.metric('wayside_cache_active_requests')) >= READERS, TIMEOUT_MS / 3);
      // A few turns of their clock: all of them have read on.
      await eventually(() => clients.takenBytes > READERS * 24 * 1024, TIMEOUT_MS / 3);
      const during = await cache.state();
      expect((during.rssBytes - before.rssBytes) / 1024 / (IDLE + READERS)).toBeLessThan(KIB_PER_CLIENT_MAX);
      expect([clients.lost, clients.wrong]).toEqual([0, 0]);
      // Somebody in a hurry is not held up by them.
      expect((await fetchRaw(cache.content, '/slow', 'GET', { Range: 'bytes=1000-2999' })).body.length).toBe(2000);
      clients.close();
      await eventually(async () => (await cache.state()).descriptors <= before.descriptors + 4, TIMEOUT_MS / 3);
      await eventually(async () => (await cache.metric('wayside_cache_active_requests')) === 0, TIMEOUT_MS / 3);
    } finally {
      clients.close();
      await cache.kill();
      await origin.stop();
      await rm(directory, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);

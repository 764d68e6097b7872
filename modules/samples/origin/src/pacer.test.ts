import { expect, test } from '@jest/globals';
import { readConfig } from './config.ts';
import { Pacer } from './pacer.ts';
import { COUNTED_PATHS_MAX, OTHER_PATHS, SEEN_REQUESTS_MAX, Stats } from './stats.ts';

test('answers share the rate: each waits for those before it', () => {
  let nowMs = 0;
  const pacer = new Pacer(1000, () => nowMs);
  expect([pacer.reserve(100), pacer.reserve(100), pacer.reserve(50)]).toEqual([0, 100, 200]);
  nowMs = 220;
  expect(pacer.reserve(10)).toBe(30);
  nowMs = 10_000;
  expect(pacer.reserve(10)).toBe(0);
});

test('an answer that is broken off stops waiting', async () => {
  const pacer = new Pacer(1);
  const gone = new AbortController();
  await pacer.take(1000, gone.signal);
  const waiting = pacer.take(1000, gone.signal);
  gone.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});

test('readConfig() names every problem', () => {
  expect(readConfig({})).toEqual({ port: 8080, rateBytesPerSec: undefined });
  expect(readConfig({ PORT: '81', RATE_BYTES_PER_SEC: '50000000' })).toEqual({ port: 81, rateBytesPerSec: 50_000_000 });
  expect(() => readConfig({ PORT: '70000', RATE_BYTES_PER_SEC: 'fast' })).toThrow(
    /PORT is "70000".*RATE_BYTES_PER_SEC is "fast"/,
  );
});

test('the counters are bounded', () => {
  const stats = new Stats();
  for (let i = 0; i < COUNTED_PATHS_MAX + 5; i += 1) {
    stats.begin({ atUtc: '', method: 'GET', host: '', path: `/${i}`, query: '', headers: {} }).sent(1);
  }
  const { last, paths, requests } = stats.snapshot();
  expect([last.length, requests]).toEqual([SEEN_REQUESTS_MAX, COUNTED_PATHS_MAX + 5]);
  expect(paths[OTHER_PATHS]).toEqual({ requests: 5, bytes: 5 });
});

import { expect, test } from '@jest/globals';
import { backoffDelayMs, retry } from './backoff.ts';
import { FakeClock } from './clock.ts';
import { EdgeError } from './edge-error.ts';

test('backoffDelayMs() doubles up to the cap', () => {
  const delays = [0, 1, 2, 3, 4, 5, 6, 2000].map((attempt) =>
    backoffDelayMs({ attempt, baseMs: 10_000, maxMs: 300_000 }),
  );
  expect(delays).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
});

test('jitter takes off at most its share', () => {
  const options = { attempt: 1, baseMs: 100, maxMs: 1000, jitter: 0.25 };
  expect(backoffDelayMs({ ...options, random: () => 0 })).toBe(200);
  expect(backoffDelayMs({ ...options, random: () => 0.999999 })).toBe(150);
});

const RETRYABLE = new EdgeError('X', 'later', { retry: 'backoff' });

function failing(times: number, error: unknown = RETRYABLE) {
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    fn: async () => {
      calls += 1;
      if (calls <= times) throw error;
      return 'done';
    },
  };
}

test('retry() tries again with growing pauses', async () => {
  const clock = new FakeClock(0);
  const work = failing(3);
  const delays: number[] = [];
  const result = retry(work.fn, {
    attempts: 'infinite',
    baseMs: 10,
    maxMs: 25,
    clock,
    onRetry: (r) => delays.push(r.delayMs),
  });
  await clock.advance(100);
  expect(await result).toBe('done');
  expect(delays).toEqual([10, 20, 25]);
  expect(work.calls).toBe(4);
});

test('retry() gives up after the attempts, at once on a final error', async () => {
  const clock = new FakeClock(0);
  const work = failing(9);
  const result = retry(work.fn, { attempts: 3, baseMs: 1, maxMs: 1, clock }).catch((error: unknown) => error);
  await clock.advance(10);
  expect(await result).toBe(RETRYABLE);
  expect(work.calls).toBe(3);
  const final = failing(9, new Error('final'));
  await expect(retry(final.fn, { attempts: 'infinite', baseMs: 1, maxMs: 1, clock })).rejects.toThrow('final');
  expect(final.calls).toBe(1);
});

test('a server’s wish outranks a shorter pause', async () => {
  const clock = new FakeClock(0);
  const delays: number[] = [];
  const work = failing(1, new EdgeError('X', 'busy', { retry: { afterMs: 5000 } }));
  const result = retry(work.fn, { attempts: 2, baseMs: 10, maxMs: 20, clock, onRetry: (r) => delays.push(r.delayMs) });
  await clock.advance(6000);
  expect(await result).toBe('done');
  expect(delays).toEqual([5000]);
});

test('an abort ends the pause with its reason', async () => {
  const clock = new FakeClock(0);
  const controller = new AbortController();
  const result = retry(failing(9).fn, {
    attempts: 'infinite',
    baseMs: 10,
    maxMs: 10,
    clock,
    signal: controller.signal,
  });
  const settled = result.catch((error: unknown) => error);
  await clock.advance(1);
  controller.abort(new Error('stop'));
  expect(await settled).toMatchObject({ message: 'stop' });
});

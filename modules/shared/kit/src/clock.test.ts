import { describe, expect, test } from '@jest/globals';
import { FakeClock, systemClock } from './clock.ts';

describe('FakeClock', () => {
  test('wakes sleepers in order, also those that sleep again', async () => {
    const clock = new FakeClock(1000);
    const seen: string[] = [];
    const loop = (async () => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(10);
        seen.push(`loop ${clock.nowMs()}`);
      }
    })();
    const once = clock.sleep(15).then(() => seen.push(`once ${clock.nowMs()}`));
    await clock.advance(25);
    expect(seen).toEqual(['loop 1010', 'once 1015', 'loop 1020']);
    expect(clock.monotonicMs()).toBe(25);
    await clock.advance(5);
    await Promise.all([loop, once]);
    expect(seen.at(-1)).toBe('loop 1030');
    expect(clock.sleeping).toBe(0);
  });

  test('an aborted sleep rejects with the reason and is forgotten', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleep = clock.sleep(10, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
    await expect(clock.sleep(10, controller.signal)).rejects.toThrow('enough');
    expect(clock.sleeping).toBe(0);
  });

  test('jump() moves the wall clock only', () => {
    const clock = new FakeClock(1000);
    clock.jump(-500);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([500, 0]);
  });
});

describe('systemClock', () => {
  test('sleeps, and rejects with the reason when aborted', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(5);
    expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(4);
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
  });

  test('a sleep longer than 32 bits of milliseconds does not return at once', async () => {
    const controller = new AbortController();
    let woke = false;
    const sleep = systemClock.sleep(2 ** 32, controller.signal).then(() => {
      woke = true;
    });
    await systemClock.sleep(10);
    expect(woke).toBe(false);
    controller.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
  });
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { CLIENT_BYTES_PER_SEC_MIN, EgressBudget, type EgressShare, TokenBucket } from './egress-budget.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A body that is never done and whose client takes everything at once. */
class Download {
  bytes = 0;
  readonly share: EgressShare;

  constructor(share: EgressShare | null) {
    if (share === null) throw new Error('refused');
    this.share = share;
    this.run();
  }

  run = (): void => {
    for (;;) {
      const taken = this.share.take(1e6);
      if (taken === 0) break;
      this.bytes += taken;
    }
    this.share.wait(this.run);
  };
}

function cappedAt(mbps: number): EgressBudget {
  const budget = new EgressBudget(new TokenBucket(() => Date.now()));
  budget.setCap(mbps);
  return budget;
}

const sum = (downloads: Download[]) => downloads.reduce((bytes, download) => bytes + download.bytes, 0);

describe('EgressBudget', () => {
  test('without a cap everything is given', () => {
    const budget = new EgressBudget();
    expect([budget.admit('a')?.take(1e9), budget.isCapped, budget.streamsMax]).toEqual([
      1e9,
      false,
      Number.POSITIVE_INFINITY,
    ]);
  });

  test('gives the cap over time', () => {
    const budget = cappedAt(80);
    const downloads = ['a', 'b', 'c'].map((address) => new Download(budget.admit(address)));
    jest.advanceTimersByTime(1000);
    expect(sum(downloads)).toBeLessThanOrEqual(10e6 * 1.05);
    expect(sum(downloads)).toBeGreaterThan(9e6);
  });

  test.each([1.6, 16, 1000])(
    'at %d Mbit/s a hundred connections of one client get what one of another gets',
    (mbps) => {
      const budget = cappedAt(mbps);
      const streams = Math.min(100, budget.streamsMax);
      const greedy = Array.from({ length: streams }, () => new Download(budget.admit('a')));
      const modest = [new Download(budget.admit('b'))];
      jest.advanceTimersByTime(20_000);
      expect(sum(greedy) / sum(modest)).toBeGreaterThan(0.9);
      expect(sum(greedy) / sum(modest)).toBeLessThan(1.1);
      // The connections of one client share its part evenly.
      const each = greedy.map(({ bytes }) => bytes);
      expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(Math.max(128 * 1024, Math.max(...each) * 0.1));
      expect(sum(greedy) + sum(modest)).toBeGreaterThan(((mbps * 1e6) / 8) * 20 * 0.95);
    },
  );

  test('what a slow client leaves goes to the others', () => {
    const budget = cappedAt(16);
    const fast = new Download(budget.admit('a'));
    const slow = budget.admit('b') as EgressShare;
    let slowBytes = 0;
    const trickle = () => {
      slowBytes += slow.take(1000);
      setTimeout(() => slow.wait(trickle), 100);
    };
    slow.wait(trickle);
    jest.advanceTimersByTime(10_000);
    expect(slowBytes).toBeLessThan(200_000);
    expect(fast.bytes + slowBytes).toBeGreaterThan(2e6 * 10 * 0.95);
  });

  test('what was not sent is given back', () => {
    const budget = cappedAt(8);
    jest.advanceTimersByTime(1000);
    const share = budget.admit('a') as EgressShare;
    const taken = share.take(1e9);
    share.giveBack(taken);
    expect(share.take(1e9)).toBe(taken);
  });

  test('no more clients than get a useful share', () => {
    const budget = cappedAt((CLIENT_BYTES_PER_SEC_MIN * 8 * 3) / 1e6);
    expect(budget.streamsMax).toBe(3);
    expect([1, 2, 3, 4].map(() => budget.admit('a') !== null)).toEqual([true, true, true, false]);
  });

  test('a client below its part is let in although another holds every place', () => {
    const budget = cappedAt((CLIENT_BYTES_PER_SEC_MIN * 8 * 4) / 1e6);
    for (let i = 0; i < 4; i += 1) budget.admit('greedy');
    expect(budget.admit('greedy')).toBeNull();
    expect(['b', 'b', 'b', 'c'].map((address) => budget.admit(address) !== null)).toEqual([true, true, false, true]);
    for (let i = 0; i < 20; i += 1) budget.admit(`many-${i}`);
    expect(budget.streams).toBe(8);
  });

  test('a body that ends gives its place back and is woken no more', () => {
    const budget = cappedAt(8);
    const share = budget.admit('a') as EgressShare;
    const wake = jest.fn();
    share.wait(wake);
    share.leave();
    share.leave();
    jest.advanceTimersByTime(100);
    expect([budget.streams, budget.clients, budget.waiting, wake.mock.calls.length]).toEqual([0, 0, 0, 0]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('everyone goes on when the cap is taken away', () => {
    const budget = cappedAt(0.001);
    const share = budget.admit('a') as EgressShare;
    const wake = jest.fn();
    share.wait(wake);
    budget.setCap(null);
    expect([wake.mock.calls.length, share.take(5e6), jest.getTimerCount()]).toEqual([1, 5e6, 0]);
  });
});

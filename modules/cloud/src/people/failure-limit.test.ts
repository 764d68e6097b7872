import { describe, expect, test } from '@jest/globals';
import { FailureLimit } from './failure-limit.ts';

const OPTIONS = { failuresMax: 3, windowMs: 60_000 };

describe('FailureLimit', () => {
  test('lets a source try until its failures are used up, then after the window', () => {
    const limit = new FailureLimit(OPTIONS);
    for (let failure = 0; failure < 3; failure += 1) {
      expect(limit.waitMs('a', 1000)).toBe(0);
      limit.fail('a', 1000);
    }
    expect(limit.waitMs('a', 2000)).toBe(59_000);
    expect(limit.waitMs('b', 2000)).toBe(0);
    expect(limit.waitMs('a', 61_000)).toBe(0);
  });

  test('a success takes back its own count only', () => {
    const limit = new FailureLimit(OPTIONS);
    for (let failure = 0; failure < 3; failure += 1) limit.fail('a', 0);
    limit.forgive('a');
    expect(limit.waitMs('a', 1)).toBe(0);
    limit.fail('a', 1);
    expect(limit.waitMs('a', 1)).toBeGreaterThan(0);
  });

  test('a window that ended starts afresh', () => {
    const limit = new FailureLimit(OPTIONS);
    for (let failure = 0; failure < 3; failure += 1) limit.fail('a', 0);
    limit.fail('a', 60_000);
    expect(limit.waitMs('a', 60_001)).toBe(0);
  });
});

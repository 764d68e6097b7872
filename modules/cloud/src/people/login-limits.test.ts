import { describe, expect, test } from '@jest/globals';
import { ACCOUNT_FAILURES_MAX, ADDRESS_BURST_MAX, LoginLimits, PAIR_FAILURES_MAX } from './login-limits.ts';

function failures(limits: LoginLimits, account: string, address: string, count: number, nowMs = 0): void {
  for (let n = 0; n < count; n += 1) limits.begin(account, address, nowMs);
}

describe('LoginLimits', () => {
  test('guesses at one account from one address end soon, and hinder no other account behind it', () => {
    const limits = new LoginLimits();
    failures(limits, 'ann', 'nat', PAIR_FAILURES_MAX);
    expect(limits.begin('ann', 'nat', 0)?.waitMs).toBe(60_000);
    expect(limits.begin('bob', 'nat', 0)).toBeUndefined();
    expect(limits.begin('ann', 'nat', 60_000)).toBeUndefined();
  });

  test('guesses at one account from many addresses end, and the owner still gets in from where they were before', () => {
    const limits = new LoginLimits();
    expect(limits.begin('ann', 'home', 0)).toBeUndefined();
    limits.succeed('ann', 'home');
    for (let n = 0; n < ACCOUNT_FAILURES_MAX; n += 1) expect(limits.begin('ann', `bot${n}`, 0)).toBeUndefined();
    expect(limits.begin('ann', 'bot-x', 0)?.waitMs).toBe(600_000);
    expect(limits.begin('ann', 'home', 0)).toBeUndefined();
  });

  test('one address that tries all accounts runs dry, and is filled again', () => {
    const limits = new LoginLimits();
    for (let n = 0; n < ADDRESS_BURST_MAX; n += 1) expect(limits.begin(`user${n}`, 'nat', 0)).toBeUndefined();
    expect(limits.begin('further', 'nat', 0)?.waitMs).toBe(1000);
    expect(limits.begin('further', 'nat', 1000)).toBeUndefined();
    expect(limits.begin('another', 'nat', 1000)?.waitMs).toBe(1000);
    expect(limits.begin('another', 'elsewhere', 1000)).toBeUndefined();
  });

  test('successes are not counted as failures', () => {
    const limits = new LoginLimits();
    for (let n = 0; n < 3 * PAIR_FAILURES_MAX; n += 1) {
      expect(limits.begin('ann', 'home', n * 1000)).toBeUndefined();
      limits.succeed('ann', 'home');
    }
  });
});

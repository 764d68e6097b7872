import { describe, expect, test } from '@jest/globals';
import { CLIENT_BYTES_PER_SEC_MIN, EgressBudget } from './egress-budget.ts';

describe('EgressBudget', () => {
  test('without a cap everything is given', () => {
    const budget = new EgressBudget(() => 0);
    expect([budget.take(1e9), budget.isCapped, budget.streamsMax]).toEqual([1e9, false, Number.POSITIVE_INFINITY]);
  });

  test('gives the cap over time, in turns', () => {
    let nowMs = 0;
    const budget = new EgressBudget(() => nowMs);
    budget.setCap(80);
    let given = 0;
    for (nowMs = 0; nowMs < 1000; nowMs += 10) for (let i = 0; i < 5; i += 1) given += budget.take(1e6);
    expect(given).toBeLessThanOrEqual(10e6 * 1.05);
    expect(given).toBeGreaterThan(9e6);
  });

  test('what was not sent is given back', () => {
    let nowMs = 0;
    const budget = new EgressBudget(() => nowMs);
    budget.setCap(8);
    nowMs = 1000;
    const taken = budget.take(1e9);
    budget.giveBack(taken);
    expect(budget.take(1e9)).toBe(taken);
  });

  test('no more clients than get a useful share', () => {
    const budget = new EgressBudget(() => 0);
    budget.setCap((CLIENT_BYTES_PER_SEC_MIN * 8 * 3) / 1e6);
    expect(budget.streamsMax).toBe(3);
  });
});

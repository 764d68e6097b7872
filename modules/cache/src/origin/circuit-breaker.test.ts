import { describe, expect, test } from '@jest/globals';
import { admit, type BreakerState, CLOSED, type Outcome, outcomeOfStatus, settle } from './circuit-breaker.ts';

const after = (outcomes: readonly Outcome[], from: BreakerState = CLOSED, nowMs = 0) =>
  outcomes.reduce((state, outcome) => settle(state, outcome, nowMs), from);
const times = (count: number, outcome: Outcome): Outcome[] => Array.from({ length: count }, () => outcome);

describe('circuit breaker', () => {
  test.each([
    ['4 without an answer', times(4, 'none'), 'closed'],
    ['5 without an answer', times(5, 'none'), 'open'],
    ['19 overloads', times(19, 'overload'), 'closed'],
    ['20 overloads', times(20, 'overload'), 'open'],
    ['an answer in between', [...times(4, 'none'), 'answer', ...times(4, 'none')] as Outcome[], 'closed'],
    ['mixed', [...times(4, 'none'), ...times(4, 'overload')], 'open'],
  ])('%s', (_, outcomes, kind) => expect(after(outcomes).kind).toBe(kind));

  test('an open one refuses until its time is over, then lets one trial through and no second', () => {
    const open = after(times(5, 'none'), CLOSED, 1000);
    expect(admit(open, 1999)).toBeUndefined();
    const trial = admit(open, 2000) as BreakerState;
    expect(trial.kind).toBe('half-open');
    expect(admit(trial, 2001)).toBeUndefined();
    expect(settle(trial, 'answer', 2100)).toEqual(CLOSED);
  });

  test('a failed trial doubles the time, up to half a minute', () => {
    let state = after(times(5, 'none'));
    const waits: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 8; i += 1) {
      if (state.kind !== 'open') throw new Error(state.kind);
      waits.push(state.untilMs - nowMs);
      nowMs = state.untilMs;
      state = settle(admit(state, nowMs) as BreakerState, 'none', nowMs);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('a lost trial is replaced', () => {
    const trial = admit(after(times(5, 'none')), 1000) as BreakerState;
    expect(admit(trial, 15_999)).toBeUndefined();
    expect(admit(trial, 16_000)?.kind).toBe('half-open');
  });

  test('late failures of older requests do not lengthen the time; a late answer closes', () => {
    const open = after(times(5, 'none'));
    expect(settle(open, 'none', 500)).toBe(open);
    expect(settle(open, 'answer', 500)).toEqual(CLOSED);
  });

  test.each([
    [200, 'answer'],
    [404, 'answer'],
    [500, 'answer'],
    [502, 'overload'],
    [503, 'overload'],
    [504, 'overload'],
  ])('status %i is %s', (status, outcome) => expect(outcomeOfStatus(status)).toBe(outcome));
});

import { describe, expect, test } from '@jest/globals';
import { updateRingField, updateText } from './updates.ts';

describe('the ring of the options', () => {
  const slow = { updateRing: 'slow', updateWeek: 2, updateDay: 'Tue', updateWindow: '02:00-04:00' };
  const ring = { ring: 'slow', week: 2, weekday: 3, from: '02:00', to: '04:00' };
  test.each([
    [{}, {}],
    [{ updateRing: 'fast' }, { updateRing: { ring: 'fast' } }],
    [{ updateRing: 'account' }, { updateRing: null }],
    [slow, { updateRing: { ...ring, timeZone: 'UTC' } }],
    [
      { ...slow, updateDay: 'sunday', updateTimeZone: 'Europe/Zurich' },
      { updateRing: { ...ring, weekday: 1, timeZone: 'Europe/Zurich' } },
    ],
  ])('%j', (options, field) => {
    expect(updateRingField(options)).toEqual(field);
  });

  test.each([
    [{ updateWeek: 2 }, 'only this ring has a window'],
    [{ ...slow, updateRing: 'fast' }, 'only this ring has a window'],
    [{ ...slow, updateDay: 's' }, 'wanted sunday, monday'],
    [{ ...slow, updateDay: undefined }, 'wanted sunday, monday'],
    [{ ...slow, updateWindow: '2-4' }, 'wanted local times'],
    [{ ...slow, updateWeek: undefined }, 'wanted 1 to 4'],
  ])('%j is refused', (options, message) => {
    expect(() => updateRingField(options)).toThrow(message);
  });
});

test('what a node runs, what it waits for and what was', () => {
  const update = {
    ring: { ring: 'slow', week: 2, weekday: 3, from: '02:00', to: '04:00', timeZone: 'UTC' },
    ...{ version: '1.1.0', state: 'waiting', waitingVersion: '1.3.0', startedAtUtc: null },
    nextWindow: { fromUtc: '2026-01-13T02:00:00.000Z', toUtc: '2026-01-13T04:00:00.000Z' },
    ...{ failedVersion: '1.2.0', error: 'it ended' },
  };
  const past = {
    version: '1.2.0',
    fromVersion: '1.1.0',
    reason: 'asked',
    by: 'ann',
    state: 'failed',
    error: 'it ended',
  };
  expect(updateText(update, [{ ...past, startedAtUtc: '2026-01-01T00:00:00.000Z' }])).toBe(`\
version  1.1.0 (waiting)
ring     slow: week 2, tuesday, 02:00-04:00 UTC
window   2026-01-13T02:00:00.000Z to 2026-01-13T04:00:00.000Z
waiting  1.3.0
failed   1.2.0: it ended

STARTED                   FROM   TO     REASON        OUTCOME
2026-01-01T00:00:00.000Z  1.1.0  1.2.0  asked by ann  failed: it ended
`);
});

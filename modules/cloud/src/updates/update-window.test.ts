import { describe, expect, test } from '@jest/globals';
import { FAST_RING, ringProblems, type UpdateRing } from './update-ring.ts';
import { isDue, nextWindow } from './update-window.ts';

const slow = (window: object = {}): UpdateRing => ({
  ...{ ring: 'slow', week: 2, weekday: 3, from: '02:00', to: '04:00', timeZone: 'UTC' },
  ...window,
});
const opens = (ring: UpdateRing, at: string) => {
  const window = nextWindow(ring, Date.parse(at));
  return window && [new Date(window.fromMs).toISOString(), new Date(window.toMs).toISOString()];
};

test('the fast ring is always open', () => {
  expect([isDue(FAST_RING, 0), nextWindow(FAST_RING, 0)]).toEqual([true, null]);
});

describe('the slow ring', () => {
  // 2026-01-13 is the second Tuesday (3 = Tuesday, 1 = Sunday).
  test.each([
    ['2026-01-13T01:59:59.999Z', false],
    ['2026-01-13T02:00:00.000Z', true],
    ['2026-01-13T03:59:59.999Z', true],
    ['2026-01-13T04:00:00.000Z', false],
    ['2026-01-06T03:00:00.000Z', false],
    ['2026-01-20T03:00:00.000Z', false],
    ['2026-01-14T03:00:00.000Z', false],
  ])('%s: due %p', (at, due) => {
    expect(isDue(slow(), Date.parse(at))).toBe(due);
  });

  test('says when it opens next: the one that is open, else one of this month or the next', () => {
    expect(opens(slow(), '2026-01-13T03:00:00Z')).toEqual(['2026-01-13T02:00:00.000Z', '2026-01-13T04:00:00.000Z']);
    expect(opens(slow(), '2026-01-13T04:00:00Z')).toEqual(['2026-02-10T02:00:00.000Z', '2026-02-10T04:00:00.000Z']);
    expect(opens(slow(), '2026-12-31T23:59:59Z')?.[0]).toBe('2027-01-12T02:00:00.000Z');
  });

  test('the first day of the month counts for week 1, the last of February for week 4', () => {
    // 2026-02-01 is a Sunday, 2026-02-28 a Saturday.
    expect(opens(slow({ week: 1, weekday: 1 }), '2026-01-31T00:00:00Z')?.[0]).toBe('2026-02-01T02:00:00.000Z');
    expect(opens(slow({ week: 4, weekday: 7 }), '2026-02-27T00:00:00Z')?.[0]).toBe('2026-02-28T02:00:00.000Z');
  });

  test('a window over midnight reaches into the next day, month and year', () => {
    const night = slow({ week: 4, weekday: 7, from: '23:00', to: '01:00' });
    expect(isDue(night, Date.parse('2026-03-01T00:30:00Z'))).toBe(true);
    expect(isDue(night, Date.parse('2026-03-01T01:00:00Z'))).toBe(false);
    // The new year: in Kiritimati (UTC+14) a day begins while it is still the year before in UTC.
    const east = slow({ week: 1, weekday: 5, from: '00:30', to: '01:30', timeZone: 'Pacific/Kiritimati' });
    expect(opens(east, '2025-12-31T10:00:00Z')).toEqual(['2025-12-31T10:30:00.000Z', '2025-12-31T11:30:00.000Z']);
  });

  test('local time follows daylight saving', () => {
    const zurich = slow({ week: 2, weekday: 3, timeZone: 'Europe/Zurich' });
    expect(opens(zurich, '2026-03-01T00:00:00Z')?.[0]).toBe('2026-03-10T01:00:00.000Z');
    expect(opens(zurich, '2026-04-01T00:00:00Z')?.[0]).toBe('2026-04-14T00:00:00.000Z');
  });

  test('in spring an hour is left out: a window over it is shorter, one within it keeps its length', () => {
    // New York goes from 02:00 to 03:00 on Sunday 2026-03-08.
    const spring = { week: 2, weekday: 1, timeZone: 'America/New_York' };
    expect(opens(slow({ ...spring, from: '01:00', to: '04:00' }), '2026-03-01T00:00:00Z')).toEqual([
      '2026-03-08T06:00:00.000Z',
      '2026-03-08T08:00:00.000Z',
    ]);
    expect(opens(slow({ ...spring, from: '02:30', to: '03:00' }), '2026-03-01T00:00:00Z')).toEqual([
      '2026-03-08T07:30:00.000Z',
      '2026-03-08T08:00:00.000Z',
    ]);
  });

  test('in autumn an hour comes twice: a window over it is longer', () => {
    // New York goes back from 02:00 to 01:00 on Sunday 2026-11-01.
    const autumn = slow({ week: 1, weekday: 1, from: '00:30', to: '02:30', timeZone: 'America/New_York' });
    expect(opens(autumn, '2026-10-31T00:00:00Z')).toEqual(['2026-11-01T04:30:00.000Z', '2026-11-01T07:30:00.000Z']);
  });

  test('over ten years there is one window in each month, never more than five weeks apart', () => {
    let at = Date.parse('2026-01-01T00:00:00Z');
    const months = new Set<string>();
    let before: number | undefined;
    for (let n = 0; n < 120; n += 1) {
      const window = nextWindow(slow({ week: 4, timeZone: 'Europe/Zurich' }), at);
      if (!window) throw new Error('no window');
      months.add(new Date(window.fromMs).toISOString().slice(0, 7));
      if (before !== undefined) expect(window.fromMs - before).toBeLessThanOrEqual((5 * 7 * 24 + 1) * 3_600_000);
      before = window.fromMs;
      at = window.toMs;
    }
    expect(months.size).toBe(120);
  });
});

describe('what is sent as a ring', () => {
  test.each([
    [{ ring: 'fast' }, []],
    [slow(), []],
    ['fast', ['']],
    [{ ring: 'Beta' }, ['ring']],
    [{ ring: 'fast', week: 1 }, ['week']],
    [{ ring: 'slow' }, ['week', 'weekday', 'from', 'to', 'timeZone']],
    [slow({ week: 5, weekday: 0 }), ['week', 'weekday']],
    [slow({ from: '24:00', to: '1:00' }), ['from', 'to']],
    [slow({ to: '02:00' }), ['to']],
    [slow({ timeZone: 'Mars/Base' }), ['timeZone']],
  ])('%j', (value, paths) => {
    expect(ringProblems(value).map(({ path }) => path)).toEqual(paths);
  });
});

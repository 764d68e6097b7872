import { expect, test } from '@jest/globals';
import { parseDuration, parseTimeArgument } from './duration.ts';

const DAY_MS = 86_400_000;

test.each([
  ['1d', DAY_MS],
  ['90m', 5_400_000],
  ['2 days 3 hours', 2 * DAY_MS + 3 * 3_600_000],
  ['1h30m', 5_400_000],
  ['1 day, 2 hours', DAY_MS + 7_200_000],
  ['1.5h', 5_400_000],
  ['500ms', 500],
  ['15 SECS', 15_000],
  ['1w', 7 * DAY_MS],
  ['0s', 0],
])('parseDuration(%j) = %i', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', ' ', '5', 'd', '-1d', '1x', '1d foo', '1dd', '1e9d', '999999999999999w', '1d'.repeat(100)])(
  'refuses %j',
  (text) => {
    expect(() => parseDuration(text)).toThrow('Cannot read the time');
  },
);

test.each([
  ['1763841083', '2025-11-22T19:51:23.000Z'],
  ['2026-11-22T19:51:23Z', '2026-11-22T19:51:23.000Z'],
  ['2026-11-22T19:51:23.123456+02:00', '2026-11-22T17:51:23.123Z'],
  ['2026-11-22 19:51:23', '2026-11-22T19:51:23.000Z'],
  ['2026-11-22', '2026-11-22T00:00:00.000Z'],
  ['1h', '2026-01-01T11:00:00.000Z'],
])('parseTimeArgument(%j) = %s', (text, iso) => {
  expect(parseTimeArgument(text, Date.UTC(2026, 0, 1, 12)).toISOString()).toBe(iso);
});

test.each(['yesterday', '2026-13-45T00:00:00Z', '2026-11-22T25', '-5'])('parseTimeArgument refuses %j', (text) => {
  expect(() => parseTimeArgument(text, 0)).toThrow('Cannot read the time');
});

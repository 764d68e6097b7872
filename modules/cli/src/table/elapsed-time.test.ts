import { describe, expect, test } from '@jest/globals';
import { elapsedText, parseTimeNs } from './elapsed-time.ts';

const SECOND = 1_000_000_000n;
const MIN = 60;
const HOUR = 3600;
const DAY = 86_400;

describe('elapsedText() rough, at and just above every boundary', () => {
  test.each([
    [21, '21 seconds'],
    [45, '45 seconds'],
    [46, 'a minute'],
    [90, 'a minute'],
    [91, '2 minutes'],
    [119, '2 minutes'],
    [180, '3 minutes'],
    [45 * MIN, '45 minutes'],
    [45 * MIN + 1, 'an hour'],
    [90 * MIN, 'an hour'],
    [90 * MIN + 1, '2 hours'],
    [3 * HOUR - 1, '2 hours'],
    [22 * HOUR, '22 hours'],
    [22 * HOUR + 1, 'a day'],
    [36 * HOUR, 'a day'],
    [36 * HOUR + 1, '2 days'],
    [3 * DAY, '3 days'],
    [6 * DAY + 12 * HOUR, '6 days'],
    [6 * DAY + 12 * HOUR + 1, 'a week'],
    [10 * DAY + 12 * HOUR, 'a week'],
    [10 * DAY + 12 * HOUR + 1, '2 weeks'],
    [21 * DAY, '3 weeks'],
    [29 * DAY, '4 weeks'],
    [29 * DAY + 1, 'a month'],
    [45 * DAY, 'a month'],
    [45 * DAY + 1, '2 months'],
    [345 * DAY, '11 months'],
    [345 * DAY + 1, 'a year'],
    [547 * DAY, 'a year'],
    [547 * DAY + 1, '2 years'],
    [1095 * DAY, '3 years'],
  ])('%d s -> %s', (secs, text) => {
    expect(elapsedText(BigInt(secs) * SECOND)).toBe(text);
  });
});

describe('elapsedText() precise, up to 20 seconds', () => {
  test.each([
    [0n, '0 seconds'],
    [1n, '1 ns'],
    [SECOND, '1 second'],
    [12n * SECOND + 345_678_901n, '12 seconds, 345 ms, 678 µs and 901 ns'],
    [5n * SECOND + 7_000_000n, '5 seconds and 7 ms'],
    [20n * SECOND, '20 seconds'],
    [20n * SECOND + 1n, '20 seconds'],
    [20n * SECOND - 1n, '19 seconds, 999 ms, 999 µs and 999 ns'],
  ])('%d ns -> %s', (ns, text) => {
    expect(elapsedText(ns)).toBe(text);
  });

  test('the sign does not matter', () => {
    expect(elapsedText(-3n * SECOND)).toBe('3 seconds');
    expect(elapsedText(-300n * SECOND)).toBe('5 minutes');
  });
});

describe('parseTimeNs()', () => {
  test('keeps nanoseconds and reads offsets', () => {
    expect(parseTimeNs('1970-01-01T00:00:01.000000001Z')).toBe(1_000_000_001n);
    expect(parseTimeNs('1970-01-01T01:00:00.5+01:00')).toBe(500_000_000n);
    expect(parseTimeNs('1970-01-01 00:00:02Z')).toBe(2n * SECOND);
  });
  test.each(['', 'now', '1970-01-01', '1970-13-01T00:00:00Z', '1970-01-01T00:00:00'])('%s is no time', (text) => {
    expect(parseTimeNs(text)).toBeUndefined();
  });
});

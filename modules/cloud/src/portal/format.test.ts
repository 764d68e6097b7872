import { describe, expect, test } from '@jest/globals';
import { formatBitRate, formatBytes, formatCount, formatDuration, formatShare, formatUtc, plural } from './format.ts';

/** Figures and units are joined by a narrow blank that does not break. */
const plain = (text: string) => text.replaceAll('\u202f', ' ');

describe('figures', () => {
  test.each([
    [0, '0 bit/s'],
    [999, '999 bit/s'],
    [999.6, '1.00 kbit/s'],
    [75_432_000, '75.4 Mbit/s'],
    [1_000_000_000, '1 Gbit/s'],
    [1_512_000_000, '1.51 Gbit/s'],
    [null, '–'],
    [Number.NaN, '–'],
  ])('%p bit/s is %p', (rate, text) => {
    expect(plain(formatBitRate(rate))).toBe(text);
  });

  test.each([
    [2e12, '2 TB'],
    [890_123_456, '890 MB'],
    [undefined, '–'],
  ])('%p bytes are %p', (bytes, text) => {
    expect(plain(formatBytes(bytes))).toBe(text);
  });

  test.each([
    [0, '0 %'],
    [1, '100 %'],
    [0.9731, '97.3 %'],
    [0.99981, '99.98 %'],
    [0.0004, '0.04 %'],
    [null, '–'],
  ])('the share %p is %p', (share, text) => {
    expect(plain(formatShare(share))).toBe(text);
  });

  test.each([
    [5000, '5000'],
    [1_234_567, '1 234 567'],
    [null, '–'],
  ])('the count %p is %p', (count, text) => {
    expect(plain(formatCount(count))).toBe(text);
  });

  test('one has no plural s', () => {
    expect([plural(1, 'cache node'), plural(0, 'cache node')]).toEqual(['1 cache node', '0 cache nodes']);
  });
});

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_600_000, '1 h'],
  [5_400_000, '1 h 30 min'],
  [93_784_000, '1 d 2 h'],
])('%p ms last %p', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('UTC is printed as such', () => {
  expect(formatUtc('2026-11-23T01:53:54.123Z')).toBe('2026-11-23 01:53:54 UTC');
});

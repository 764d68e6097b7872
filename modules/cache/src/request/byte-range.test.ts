import { describe, expect, test } from '@jest/globals';
import { contentRange, lastRangeHeader, parseContentRange, parseRange, resolveRanges } from './byte-range.ts';

describe('lastRangeHeader()', () => {
  test('takes the last of several, whatever the case of the name', () => {
    expect(lastRangeHeader(['Host', 'x', 'Range', 'bytes=0-1', 'RANGE', 'bytes=5-6', 'Accept', 'y'])).toBe('bytes=5-6');
    expect(lastRangeHeader(['X-Range', 'bytes=0-1'])).toBeUndefined();
  });
});

describe('parseRange()', () => {
  test.each([
    ['bytes=0-0', [{ first: 0, last: 0 }]],
    ['bytes=5-', [{ first: 5, last: null }]],
    ['bytes=-7', [{ suffix: 7 }]],
    [
      'Bytes = 1-2 , 4-',
      [
        { first: 1, last: 2 },
        { first: 4, last: null },
      ],
    ],
    [
      'bytes=0-1,,2-3',
      [
        { first: 0, last: 1 },
        { first: 2, last: 3 },
      ],
    ],
  ])('%s', (text, specs) => expect(parseRange(text)).toEqual(specs));

  test.each([
    undefined,
    '',
    'items=0-1',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=5-4',
    'bytes=0-99999999999999999999',
    'bytes 0-1',
  ])('%p is ignored', (text) => expect(parseRange(text)).toBeUndefined());

  test('more ranges than RANGES_MAX are ignored', () => {
    expect(parseRange(`bytes=${Array.from({ length: 65 }, (_, i) => `${i * 2}-${i * 2}`).join()}`)).toBeUndefined();
  });
});

describe('resolveRanges()', () => {
  const resolve = (text: string, size: number) => resolveRanges(parseRange(text) ?? [], size);
  test.each([
    ['bytes=0-', 10, [{ start: 0, end: 10 }]],
    ['bytes=8-100', 10, [{ start: 8, end: 10 }]],
    ['bytes=-3', 10, [{ start: 7, end: 10 }]],
    ['bytes=-30', 10, [{ start: 0, end: 10 }]],
    ['bytes=10-', 10, []],
    ['bytes=-0', 10, []],
    ['bytes=0-', 0, []],
    ['bytes=10-,2-3', 10, [{ start: 2, end: 4 }]],
    [
      'bytes=0-3,2-5,8-9',
      10,
      [
        { start: 0, end: 6 },
        { start: 8, end: 10 },
      ],
    ],
    ['bytes=5-6,0-1,2-4', 10, [{ start: 0, end: 7 }]],
    [
      'bytes=8-9,0-1',
      10,
      [
        { start: 8, end: 10 },
        { start: 0, end: 2 },
      ],
    ],
  ])('%s of %d', (text, size, ranges) => expect(resolve(text, size)).toEqual(ranges));
});

describe('Content-Range', () => {
  test('is written and read', () => {
    expect(contentRange({ start: 0, end: 10 }, 100)).toBe('bytes 0-9/100');
    expect(contentRange(null, 100)).toBe('bytes */100');
    expect(parseContentRange('bytes 0-9/100')).toEqual({ start: 0, end: 10, size: 100 });
    expect(parseContentRange('bytes 0-9/*')).toEqual({ start: 0, end: 10, size: null });
    expect(parseContentRange('bytes */100')).toEqual({ unsatisfied: 100 });
  });

  test.each([undefined, 'bytes 9-0/100', 'bytes 0-100/100', 'items 0-1/2', 'bytes 0-1'])('%p is refused', (text) =>
    expect(parseContentRange(text)).toBeUndefined(),
  );
});

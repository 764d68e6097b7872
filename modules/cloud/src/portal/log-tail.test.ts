import { describe, expect, test } from '@jest/globals';
import { joinTail } from './log-tail.ts';

const lines = (text: string) => text.split('');

describe('joinTail()', () => {
  test.each([
    ['nothing known', '', 'abc', 'abc', 3, false],
    ['nothing new', 'abc', 'bc', 'abc', 0, false],
    ['some new', 'abc', 'bcde', 'abcde', 2, false],
    ['lines that repeat', 'aab', 'abab', 'aabab', 2, false],
    ['the same line again and again', 'aaa', 'aaaa', 'aaaa', 1, false],
    ['a gap', 'abc', 'xyz', 'abcxyz', 3, true],
    ['a log that was emptied', 'abc', '', 'abc', 0, false],
  ])('%s: %p and %p are %p', (_, known, fresh, joined, added, hasGap) => {
    const result = joinTail(known === '' ? [] : lines(known), fresh === '' ? [] : lines(fresh), 10);
    expect(result).toEqual({ lines: lines(joined), added, hasGap });
  });

  test('keeps the newest lines within the limit', () => {
    expect(joinTail(lines('abcd'), lines('cdefg'), 5).lines).toEqual(lines('cdefg'));
    expect(joinTail([], lines('abcd'), 2)).toEqual({ lines: lines('cd'), added: 2, hasGap: false });
  });

  test('a log of one line a thousand times is joined in one pass', () => {
    const same = Array.from({ length: 5_000 }, () => 'tick');
    expect(joinTail(same, [...same, 'tock'], 20_000).added).toBe(1);
  });
});

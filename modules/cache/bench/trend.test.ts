import { describe, expect, test } from '@jest/globals';
import { trendOf } from './trend.ts';

const line = (values: number[]) => values.map((value, i) => ({ atS: i * 10, value }));

describe('trendOf()', () => {
  test('a rise that ends in the first half is no rise', () => {
    expect(trendOf(line([0, 50, 90, 100, 100, 100, 100, 100]))).toMatchObject({
      perMinute: 0,
      first: 0,
      last: 100,
      max: 100,
    });
  });

  test('what grows by one each 10 s grows by six a minute', () => {
    expect(trendOf(line([5, 6, 7, 8, 9, 10, 11, 12])).perMinute).toBeCloseTo(6);
  });

  test('noise around a level has next to no slope', () => {
    expect(Math.abs(trendOf(line([10, 10, 10, 10, 9, 11, 11, 9])).perMinute)).toBeLessThan(1);
  });

  test('one sample has no slope', () => {
    expect(trendOf(line([7])).perMinute).toBe(0);
  });
});

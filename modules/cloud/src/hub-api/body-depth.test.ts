import { expect, test } from '@jest/globals';
import { isWithinDepth } from './body-depth.ts';

test('isWithinDepth() counts the levels of objects and arrays, however deep they go', () => {
  expect(isWithinDepth(5, 0)).toBe(true);
  expect(isWithinDepth([], 0)).toBe(true);
  expect(isWithinDepth({ a: [1] }, 2)).toBe(true);
  expect(isWithinDepth({ a: [1] }, 1)).toBe(false);
  expect(isWithinDepth(JSON.parse('['.repeat(500_000) + ']'.repeat(500_000)), 64)).toBe(false);
});

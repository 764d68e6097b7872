import { describe, expect, test } from '@jest/globals';
import { isNotModified, rangeCounts } from './precondition.ts';

const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
const stored = { etag: '"a"', lastModified: DATE };

describe('isNotModified()', () => {
  test.each([
    [{ ifNoneMatch: '"a"' }, true],
    [{ ifNoneMatch: 'W/"a"' }, true],
    [{ ifNoneMatch: '"b", "a"' }, true],
    [{ ifNoneMatch: '*' }, true],
    [{ ifNoneMatch: '"b"' }, false],
    [{ ifNoneMatch: '"b"', ifModifiedSince: DATE }, false],
    [{ ifModifiedSince: DATE }, true],
    [{ ifModifiedSince: 'Sun, 06 Nov 1994 08:49:36 GMT' }, false],
    [{ ifModifiedSince: 'yesterday' }, false],
    [{}, false],
  ])('%j: %p', (headers, expected) => expect(isNotModified(headers, stored)).toBe(expected));
});

describe('rangeCounts()', () => {
  test.each([
    [undefined, true],
    ['"a"', true],
    ['"b"', false],
    ['W/"a"', false],
    [DATE, true],
    ['Sun, 06 Nov 1994 08:49:38 GMT', false],
  ])('%p: %p', (ifRange, expected) => expect(rangeCounts(ifRange, stored)).toBe(expected));

  test('a weak stored tag never counts', () =>
    expect(rangeCounts('W/"a"', { etag: 'W/"a"', lastModified: null })).toBe(false));
});

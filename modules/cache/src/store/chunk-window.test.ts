import { describe, expect, test } from '@jest/globals';
import { windowBytes } from './chunk-window.ts';
import { native } from './native.ts';

const GB = 1e9;

describe('windowBytes()', () => {
  test.each([
    ['half of the drive is kept whole', 5 * GB, 10 * GB, Number.POSITIVE_INFINITY],
    ['more gets a quarter of the drive', 5 * GB + 1, 10 * GB, 2.5 * GB],
    ['more than the whole drive as well', 100 * GB, 10 * GB, 2.5 * GB],
    ['a drive too small for a window passes it through', 400e6, 500e6, undefined],
  ])('%s', (_, sizeBytes, capBytes, wanted) => {
    // Without fallocate(2) blocks cannot be given back.
    const isPossible = native !== undefined || wanted === Number.POSITIVE_INFINITY;
    expect(windowBytes(sizeBytes, capBytes)).toBe(isPossible ? wanted : undefined);
  });
});

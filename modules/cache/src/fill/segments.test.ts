import { describe, expect, test } from '@jest/globals';
import { firstRange, wholeChunks } from './first-range.ts';
import { ReadPattern } from './read-pattern.ts';
import { isWorthFinishing, planSegments } from './segments.ts';

const MIB = 1024 * 1024;
const has = (...present: number[]) => ({ has: (chunk: number) => present.includes(chunk) });

describe('planSegments()', () => {
  test('one reader of a large object gets several lanes, in order', () => {
    const wishes = [{ from: 0, to: 100, isWaiting: true }];
    expect(planSegments({ chunks: has(), running: [], wishes })).toEqual([
      { from: 0, to: 8 },
      { from: 8, to: 16 },
      { from: 16, to: 24 },
      { from: 24, to: 32 },
    ]);
  });

  test('what is there or on its way is not asked for again', () => {
    const wishes = [{ from: 0, to: 10, isWaiting: false }];
    const plan = planSegments({ chunks: has(0, 5), running: [{ from: 1, to: 3 }], wishes });
    expect(plan).toEqual([
      { from: 3, to: 5 },
      { from: 6, to: 10 },
    ]);
  });

  test('every waiting reader gets its chunk at once, lanes or not; nothing is planned twice', () => {
    const wishes = Array.from({ length: 20 }, (_, i) => ({ from: i, to: i + 1, isWaiting: true }));
    const plan = planSegments({ chunks: has(), running: [], wishes: [...wishes, ...wishes] });
    expect(plan).toHaveLength(20);
  });

  test('nobody waits and the lanes are taken: nothing', () => {
    const running = Array.from({ length: 4 }, (_, i) => ({ from: i, to: i + 1 }));
    expect(planSegments({ chunks: has(), running, wishes: [{ from: 0, to: 50, isWaiting: false }] })).toEqual([]);
  });
});

describe('firstRange()', () => {
  test.each([
    [undefined, `bytes=0-${8 * MIB - 1}`],
    [{ first: 5, last: 10 }, `bytes=0-${MIB - 1}`],
    [{ first: MIB, last: 2 * MIB - 1 }, `bytes=${MIB}-${2 * MIB - 1}`],
    [{ first: MIB - 1, last: MIB }, `bytes=0-${2 * MIB - 1}`],
    [{ first: 3 * MIB, last: null }, `bytes=${3 * MIB}-${11 * MIB - 1}`],
    [{ suffix: 7 }, `bytes=-${MIB + 7}`],
  ])('%j: %s', (spec, range) => expect(firstRange(spec)).toBe(range));

  test('wholeChunks() leaves out what is cut off', () => {
    expect(wholeChunks(10, 3 * MIB + 5, 100 * MIB)).toEqual({ from: 1, to: 3 });
    expect(wholeChunks(10, 3 * MIB + 5, 3 * MIB + 5)).toEqual({ from: 1, to: 4 });
  });
});

test('ReadPattern: ahead from the third piece in a row on, doubling, per sequence', () => {
  const pattern = new ReadPattern();
  expect([0, 1, 2, 3].map((i) => pattern.note(i * MIB, (i + 1) * MIB))).toEqual([0, 0, MIB, 2 * MIB]);
  expect(pattern.note(50 * MIB, 51 * MIB)).toBe(0);
  expect(pattern.note(4 * MIB, 5 * MIB)).toBe(4 * MIB);
});

test('isWorthFinishing(): small rests and last quarters', () => {
  expect(isWorthFinishing(0, 10)).toBe(false);
  expect(isWorthFinishing(7 * MIB, 1000 * MIB)).toBe(true);
  expect(isWorthFinishing(200 * MIB, 1000 * MIB)).toBe(true);
  expect(isWorthFinishing(300 * MIB, 1000 * MIB)).toBe(false);
});

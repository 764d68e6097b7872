import { describe, expect, test } from '@jest/globals';
import { type Json, type JsonObject, mergePatch } from '@wayside/protocol';
import { replacementPatch } from './replacement-patch.ts';

/** Small trees over few keys, so that two of them overlap; the same seed gives the same trees. */
function randomTrees(seed: number): () => JsonObject {
  let state = seed;
  const below = (n: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % n;
  };
  const value = (depth: number): Json => {
    const kind = below(depth > 2 ? 3 : 5);
    if (kind === 0) return below(3);
    if (kind === 1) return ['x', below(2)];
    return kind === 2 ? 'text' : tree(depth + 1);
  };
  const tree = (depth: number): JsonObject =>
    Object.fromEntries(Array.from({ length: below(5) }, () => [`k${below(5)}`, value(depth)]));
  return () => tree(0);
}

describe('replacementPatch()', () => {
  test('names all that is there, and null for what went away at every depth', () => {
    const before = { gone: 1, kept: { a: 1, b: 2 }, list: [1, 2], turned: { x: 1 } };
    const after = { kept: { b: 2, c: 3 }, list: [3], turned: 5 };
    expect(replacementPatch(before, after)).toEqual({
      gone: null,
      kept: { a: null, b: 2, c: 3 },
      list: [3],
      turned: 5,
    });
  });

  test('merged by a client it gives the new section, for 500 random pairs', () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const next = randomTrees(seed);
      const [before, after] = [next(), next()];
      expect({ seed, merged: mergePatch(before, replacementPatch(before, after)) }).toEqual({ seed, merged: after });
    }
  });
});

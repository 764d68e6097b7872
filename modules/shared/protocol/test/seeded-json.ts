// Random JSON from a seed, for property-based tests: a failing case is replayed by its seed alone.

import type { Json, JsonObject } from '../src/json.ts';

/** 32-bit xorshift generator; answers whole numbers below `below`. */
export function seededNumbers(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const KEYS = ['a', 'b', 'c', 'list', '__proto__', 'constructor', 'toString', 'ä'] as const;

/** An object of at most `depth` levels from few keys, so that two of them overlap often. */
export function randomObject(next: (below: number) => number, depth: number): JsonObject {
  const entries: [string, Json][] = [];
  for (let i = next(5); i > 0; i -= 1) entries.push([KEYS[next(KEYS.length)] as string, randomValue(next, depth - 1)]);
  // fromEntries defines keys, so that `__proto__` is one like JSON.parse makes it.
  return Object.fromEntries(entries);
}

function randomValue(next: (below: number) => number, depth: number): Json {
  switch (next(depth > 0 ? 8 : 4)) {
    case 0:
      return next(3);
    case 1:
      return ['', 'x', 'y'][next(3)] as string;
    case 2:
      return next(2) === 0;
    case 3:
      return [next(2), 'l'];
    case 4:
      return [randomObject(next, depth - 1)];
    default:
      return randomObject(next, depth);
  }
}

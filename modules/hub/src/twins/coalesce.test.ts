import { expect, test } from '@jest/globals';
import { type JsonObject, mergePatch } from '@wayside/protocol';
import { coalescePatches } from './coalesce.ts';

test.each<[JsonObject, JsonObject, JsonObject]>([
  [{ a: 1 }, { b: 2 }, { a: 1, b: 2 }],
  [{ a: 1 }, { a: null }, { a: null }],
  [{ a: null }, { a: 1 }, { a: 1 }],
  [{ a: { x: 1, y: null } }, { a: { x: null, z: 3 } }, { a: { x: null, y: null, z: 3 } }],
  [{ a: { x: 1 } }, { a: 5 }, { a: 5 }],
  [{ a: [1, 2] }, { a: [3] }, { a: [3] }],
])('%j then %j is %j', (first, second, expected) => {
  const both = coalescePatches(first, second);
  expect(both).toEqual(expected);
  for (const document of [{}, { a: 9 }, { a: { x: 7, y: 8 }, b: 1 }] as JsonObject[]) {
    expect(mergePatch(document, both)).toEqual(mergePatch(mergePatch(document, first), second));
  }
});

test('a key named __proto__ stays a key', () => {
  const patch = JSON.parse('{"__proto__":{"polluted":true}}') as JsonObject;
  const both = coalescePatches({ a: 1 }, patch);
  expect(Object.keys(both)).toEqual(['a', '__proto__']);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

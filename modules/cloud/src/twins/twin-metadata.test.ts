import { describe, expect, test } from '@jest/globals';
import { patchMetadata } from './twin-metadata.ts';

const at = (day: number, version: number) => ({
  $lastUpdated: `2026-01-0${day}T00:00:00.000Z`,
  $lastUpdatedVersion: version,
});

describe('patchMetadata()', () => {
  const first = patchMetadata({}, { a: { b: 1, c: 2 }, list: [1] }, at(1, 2));

  test('stamps every level of what was written', () => {
    expect(first).toEqual({ ...at(1, 2), a: { ...at(1, 2), b: at(1, 2), c: at(1, 2) }, list: at(1, 2) });
  });

  test('keeps the stamps of what was not touched, renews those on the way to what was', () => {
    expect(patchMetadata(first, { a: { b: 7 } }, at(2, 3))).toEqual({
      ...at(2, 3),
      ...{ a: { ...at(2, 3), b: at(2, 3), c: at(1, 2) }, list: at(1, 2) },
    });
  });

  test('null takes the stamps away; an object in place of a value starts anew', () => {
    const next = patchMetadata(first, { a: null, list: { x: 1 } }, at(2, 3));
    expect(next).toEqual({ ...at(2, 3), list: { ...at(2, 3), x: at(2, 3) } });
    expect(patchMetadata(next, { list: 1 }, at(3, 4))).toEqual({ ...at(3, 4), list: at(3, 4) });
  });

  test('a key named __proto__ stays a key', () => {
    const next = patchMetadata({}, JSON.parse('{"__proto__":{"x":1}}'), at(1, 2));
    expect(Object.keys(next)).toContain('__proto__');
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

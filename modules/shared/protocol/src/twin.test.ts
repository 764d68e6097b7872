import { describe, expect, test } from '@jest/globals';
import { randomObject, seededNumbers } from '../test/seeded-json.ts';
import type { JsonObject } from './json.ts';
import {
  checkTwinSection,
  diffPatch,
  jsonEqual,
  mergePatch,
  TWIN_INTEGER_MAX,
  TWIN_INTEGER_MIN,
  TWIN_SECTION_BYTES_MAX,
  TWIN_TAGS_BYTES_MAX,
  twinSectionBytes,
} from './twin.ts';

describe('mergePatch()', () => {
  // RFC 7396 appendix A, the cases whose target and patch are objects.
  test.each<[JsonObject, JsonObject, JsonObject]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: [1, 2, 3] }, { a: [7] }, { a: [7] }],
  ])('%j + %j = %j', (target, patch, wanted) => {
    const before = JSON.stringify([target, patch]);
    expect(mergePatch(target, patch)).toEqual(wanted);
    expect(JSON.stringify([target, patch])).toBe(before);
  });

  test('shares nothing with its inputs', () => {
    const target = { deep: { list: [{ x: 1 }] } };
    const merged = mergePatch(target, { other: 1 }) as typeof target & JsonObject;
    merged.deep.list[0]!.x = 2;
    expect(target.deep.list[0]!.x).toBe(1);
  });

  test('__proto__ is a key like any other', () => {
    const patch = JSON.parse('{"__proto__": {"polluted": true}, "a": {"__proto__": {"polluted": true}}}') as JsonObject;
    const merged = mergePatch({ a: {} }, patch);
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"polluted":true},"a":{"__proto__":{"polluted":true}}}');
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect((merged as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('a patch nested without end is refused, not a stack overflow', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) as JsonObject;
    expect(() => mergePatch({}, deep)).toThrow('nested deeper');
  });
});

describe('diffPatch()', () => {
  test.each<[JsonObject, JsonObject, JsonObject]>([
    [{ a: 1 }, { a: 1 }, {}],
    [{ a: 1, b: 2 }, { a: 1 }, { b: null }],
    [{ a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, { a: { c: 3 } }],
    [{ modules: { x: { v: 1 }, y: {} } }, { modules: { y: {} } }, { modules: { x: null } }],
    [{ a: [1, 2] }, { a: [1] }, { a: [1] }],
    [{ a: 1 }, { a: {} }, { a: {} }],
    [{ a: { b: 1 } }, { a: [] }, { a: [] }],
  ])('%j -> %j is %j', (from, to, wanted) => {
    expect(diffPatch(from, to)).toEqual(wanted);
  });

  test('mergePatch(a, diffPatch(a, b)) equals b, for any a and b', () => {
    for (let seed = 1; seed <= 3000; seed += 1) {
      const next = seededNumbers(seed);
      const a = randomObject(next, 4);
      const b = randomObject(next, 4);
      const merged = mergePatch(a, diffPatch(a, b));
      if (!jsonEqual(merged, b)) throw new Error(`seed ${seed}: ${JSON.stringify({ a, b, merged })}`);
      if (!jsonEqual(diffPatch(a, a), {})) throw new Error(`seed ${seed}: a differs from itself`);
    }
  });

  test('applying a patch twice changes nothing more', () => {
    for (let seed = 1; seed <= 1000; seed += 1) {
      const next = seededNumbers(seed);
      const [a, b] = [randomObject(next, 3), randomObject(next, 3)];
      const once = mergePatch(a, b);
      if (!jsonEqual(mergePatch(once, b), once)) throw new Error(`seed ${seed}: ${JSON.stringify({ a, b })}`);
    }
  });
});

describe('jsonEqual()', () => {
  test.each([
    [{ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }, true],
    [{ a: undefined }, {}, false],
    [[1, 2], [2, 1], false],
    [[], {}, false],
    [null, {}, false],
    [0, false, false],
    ['1', 1, false],
    [JSON.parse('{"__proto__":1}'), {}, false],
    [{ toString: 1 }, { a: 1 }, false],
  ])('%j and %j: %j', (a, b, equal) => {
    expect(jsonEqual(a, b)).toBe(equal);
    expect(jsonEqual(b, a)).toBe(equal);
  });
});

describe('limits', () => {
  test.each([
    [{}, 0],
    [{ a: 'bc' }, 3],
    [{ n: 1, t: true }, 1 + 8 + 1 + 4],
    [{ l: [1, 'x', { k: false }] }, 1 + 8 + 1 + 1 + 4],
    [{ a: 'x\u0000\ny' }, 1 + 2],
    [{ $version: 9, $metadata: { a: 1 }, a: 'b' }, 2],
  ])('twinSectionBytes(%j) = %i', (section, bytes) => {
    expect(twinSectionBytes(section as JsonObject)).toBe(bytes);
  });

  test('a section at the limit passes, one byte more does not', () => {
    const fill = (bytes: number): JsonObject => {
      const section: JsonObject = {};
      for (let i = 0; i < 8; i += 1) section[`k${i}`] = 'x'.repeat(bytes / 8 - 2);
      return section;
    };
    const full = fill(TWIN_SECTION_BYTES_MAX);
    expect(twinSectionBytes(full)).toBe(TWIN_SECTION_BYTES_MAX);
    expect(checkTwinSection(full)).toEqual([]);
    expect(checkTwinSection({ ...full, z: '' })).toEqual([
      { path: '', message: 'size is 32769 bytes, at most 32768 may be' },
    ]);
    expect(checkTwinSection(full, { bytesMax: TWIN_TAGS_BYTES_MAX })).toHaveLength(1);
  });

  const nested = (levels: number): JsonObject => (levels === 1 ? { a: 1 } : { a: nested(levels - 1) });

  test.each<[string, JsonObject, string[]]>([
    ['a key with a dot', { x: { 'a.b': 1 } }, ['x.a.b']],
    ['a key with a dollar', { a: { $version: 1 } }, ['a.$version']],
    ['a key with a space', { 'a b': 1 }, ['a b']],
    ['a key with a hash', { 'a#': 1 }, ['a#']],
    ['an empty key', { '': 1 }, ['']],
    ['a control character', { 'a\u0001': 1 }, ['a\u0001']],
    ['a long string', { a: 'x'.repeat(4097) }, ['a']],
    ['a string long in UTF-8 only', { a: 'ä'.repeat(2049) }, ['a']],
    ['a null in an array', { a: [1, null] }, ['a[1]']],
    ['integers outside', { a: TWIN_INTEGER_MAX + 1, b: TWIN_INTEGER_MIN - 1 }, ['a', 'b']],
    ['eleven levels', nested(11), [Array(10).fill('a').join('.')]],
    ['fine', { a: TWIN_INTEGER_MAX, b: TWIN_INTEGER_MIN, c: 1.5, d: null, e: [[1]], $version: 3 }, []],
    ['ten levels', nested(10), []],
  ])('%s', (_name, section, paths) => {
    expect(checkTwinSection(section).map((p) => p.path)).toEqual(paths);
  });

  test('a section of thousands of breaches is answered with a bounded list', () => {
    const section = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k.${i}`, 1]));
    expect(checkTwinSection(section).length).toBeLessThanOrEqual(102);
  });

  test('a section nested without end is refused, not a stack overflow', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) as JsonObject;
    expect(checkTwinSection(deep)).toHaveLength(1);
  });
});

import { describe, expect, test } from '@jest/globals';
import { normaliseField, preferredLanguage, variantValues, varyFields } from './vary.ts';

test.each([
  [undefined, []],
  ['Foo', ['foo']],
  ['b, A ,, b', ['a', 'b']],
])('varyFields(%j)', (value, fields) => expect(varyFields(value)).toEqual(fields));

describe('normaliseField() (RFC 9111 4.1)', () => {
  test.each([
    ['foo', '1, 2', '1,2'],
    ['foo', ' 1 ,2 ', '1,2'],
    ['accept-language', 'en, de', 'de,en'],
    ['accept-language', 'eN,  De', 'de, en'],
    ['accept-language', 'fr;q=0.5, de', 'de;q=1, fr;Q=0.50'],
    ['accept-encoding', 'gzip, br', 'br,gzip'],
  ])('%s: %j is the same as %j', (name, a, b) => expect(normaliseField(name, a)).toBe(normaliseField(name, b)));

  test.each([
    ['foo', '1, 2', '2, 1'],
    ['foo', 'a', 'A'],
    ['accept-language', 'en;q=0.5, de', 'en, de;q=0.5'],
    ['accept', 'text/html;level=1', 'text/html;level=2'],
    ['foo', '', undefined],
  ])('%s: %j is another than %j', (name, a, b) => expect(normaliseField(name, a)).not.toBe(normaliseField(name, b)));
});

test('variantValues() tells absent from empty and cannot be forged by a comma or a quote', () => {
  const of = (fields: Record<string, string>) => variantValues(['a', 'b'], (name) => fields[name]);
  const all = [of({}), of({ a: '' }), of({ b: '' }), of({ a: '1', b: '2' }), of({ a: '1","2' }), of({ a: '1,2' })];
  expect(new Set(all).size).toBe(all.length);
});

test.each([
  [undefined, undefined],
  ['de', 'de'],
  ['fr;q=0.5, de;q=1.0', 'de'],
  ['en, de', undefined],
  ['*', undefined],
  ['de;q=0', undefined],
])('preferredLanguage(%j): %p', (value, expected) => expect(preferredLanguage(value)).toBe(expected));

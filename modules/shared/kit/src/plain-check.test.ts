import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isPlainlyValid } from './plain-check.ts';

const SCHEMAS: { [name: string]: object } = {
  text: { type: 'string', minLength: 1, maxLength: 2, pattern: '^[a-z💡]*$' },
  number: { type: ['number', 'null'], minimum: 0, exclusiveMaximum: 2 },
  integer: { type: 'integer', exclusiveMinimum: 0, maximum: 9, title: 'x', default: 1, 'x-env': 'A' },
  choice: { enum: ['a', 1, null, true] },
  list: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'boolean' } },
  object: {
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'string' }, b: { type: 'array', items: { enum: [1, 'x'] } } },
    additionalProperties: false,
  },
  map: { type: 'object', properties: { a: true }, additionalProperties: { type: 'integer' } },
  anything: {},
};
const SCALARS = [undefined, null, true, false, '', 'a', 'ab', 'abc', '💡💡', 'A', 0, 1, -1, 1.5, 2, 10, Number.NaN];
const VALUES: unknown[] = [
  ...SCALARS,
  [],
  ...SCALARS.map((one) => [one]),
  [true, false],
  [true, true, true],
  {},
  ...SCALARS.flatMap((one) => [{ a: one }, { b: one }, { a: 'x', c: one }, { a: 'x', b: [one] }]),
  { a: 'x', b: 1 },
];

describe('isPlainlyValid()', () => {
  test.each(Object.entries(SCHEMAS))('says yes exactly where Ajv does: %s', (_name, schema) => {
    const ajv = new Ajv2020({ allowUnionTypes: true, strictRequired: false });
    for (const keyword of ['x-env']) ajv.addKeyword(keyword);
    const validate = ajv.compile(schema);
    // Top-level undefined is no JSON; Ajv is never asked about it.
    for (const value of VALUES.slice(1))
      expect([value, isPlainlyValid(schema, value)]).toEqual([value, validate(value)]);
  });

  test('does not say yes to what it does not understand', () => {
    const unknown = [
      { anyOf: [{}] },
      { format: 'ipv4' },
      { not: {} },
      { $ref: '#' },
      { uniqueItems: true },
      { const: 1 },
    ];
    for (const schema of [...unknown, { type: 'string', ...unknown[0] }, { items: unknown[1] }])
      expect(isPlainlyValid(schema, ['a'])).toBe(false);
    expect(isPlainlyValid({ enum: [['a']] }, ['a'])).toBe(false);
    expect([isPlainlyValid(false, 1), isPlainlyValid(true, 1)]).toEqual([false, true]);
  });

  test('names of Object.prototype are names as any other', () => {
    const schema = { type: 'object', properties: { a: {} }, additionalProperties: false, required: ['toString'] };
    expect(isPlainlyValid(schema, {})).toBe(false);
    expect(isPlainlyValid({ additionalProperties: false }, { constructor: 1 })).toBe(false);
    expect(isPlainlyValid({ constructor: 1 }, 1)).toBe(false);
  });
});

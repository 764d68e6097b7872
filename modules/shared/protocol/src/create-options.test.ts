import { describe, expect, test } from '@jest/globals';
import { randomObject, seededNumbers } from '../test/seeded-json.ts';
import { joinCreateOptions, splitCreateOptions } from './create-options.ts';
import type { JsonObject } from './json.ts';
import { jsonEqual } from './twin.ts';

describe('joinCreateOptions()', () => {
  test('joins chunks in order, whatever the case and order of the keys', () => {
    expect(joinCreateOptions({ createoptions01: '"b"}', image: 'x', CreateOptions: '{"a":' })).toEqual({ a: 'b' });
  });

  test.each<[string, JsonObject, string]>([
    ['a gap', { createOptions: '{', createOptions02: '}' }, 'createOptions01 is missing'],
    ['no first chunk', { createOptions01: '{}' }, 'createOptions is missing'],
    ['twice', { createOptions: '{}', createoptions: '{}' }, 'twice'],
    ['bad JSON', { createOptions: '{a}' }, 'no JSON'],
    ['a list', { createOptions: '[1]' }, 'wanted a JSON object'],
    ['a number', { createOptions: '5' }, 'wanted a JSON object'],
    ['an object', { createOptions: { HostConfig: {} } }, 'is an object, wanted stringified JSON'],
    ['chunk 00', { createOptions: '{}', createOptions00: '' }, 'no chunk name'],
  ])('refuses %s', (_name, settings, why) => {
    expect(() => joinCreateOptions(settings)).toThrow(why);
    expect(() => joinCreateOptions(settings)).toThrow(RangeError);
  });
});

describe('splitCreateOptions()', () => {
  test('no chunk is longer than 512 characters, names have two digits', () => {
    const chunks = splitCreateOptions({ a: 'x'.repeat(5000) });
    expect(Object.keys(chunks)[1]).toBe('createOptions01');
    expect(Object.keys(chunks).at(-1)).toBe('createOptions09');
    expect(Math.max(...Object.values(chunks).map((c) => c.length))).toBe(512);
  });

  test('a surrogate pair is not torn', () => {
    for (let pad = 0; pad < 4; pad += 1) {
      const chunks = splitCreateOptions({ a: 'x'.repeat(pad) + '😀'.repeat(600) });
      for (const chunk of Object.values(chunks)) expect(Buffer.from(chunk).toString()).toBe(chunk);
    }
  });

  test('more than 100 chunks are refused', () => {
    expect(() => splitCreateOptions({ a: 'x'.repeat(51_300) })).toThrow('more than 100 chunks');
  });

  test('joinCreateOptions() is the inverse', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const options = randomObject(seededNumbers(seed), 6);
      if (!jsonEqual(joinCreateOptions(splitCreateOptions(options)), options)) throw new Error(`seed ${seed}`);
    }
  });
});

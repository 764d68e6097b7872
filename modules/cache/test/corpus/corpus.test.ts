// The corpus is kept: what is sent to the cache today is what was sent yesterday, byte for byte.

import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { GENERATED_COUNT, generate } from './generate.ts';
import { HAND_WRITTEN } from './hand-written.ts';

function digest(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:${text}`, 'latin1');
  return hash.digest('hex');
}

test('generate() gives the same thousand requests every time, nearly all of them different', () => {
  const texts = generate().map(({ text }) => text);
  expect(digest(texts)).toBe(digest(generate().map(({ text }) => text)));
  // Changed on purpose (new forms, new mutations)? Then take the new value; anything else would be a generator that drifts.
  expect(digest(texts)).toBe('377325bbe4da04b9b03de66f8a1b07f507bca47b5c8c292b7f604fcd14c43e0c');
  expect(new Set(texts).size).toBeGreaterThan(GENERATED_COUNT * 0.97);
});

test('hand-written forms have names of their own, are bytes, and keep the smuggled request where no server may see it', () => {
  expect(new Set(HAND_WRITTEN.map(({ name }) => name)).size).toBe(HAND_WRITTEN.length);
  expect(HAND_WRITTEN.length).toBeGreaterThan(150);
  for (const { text, wanted } of HAND_WRITTEN) {
    expect([...text].every((character) => character.charCodeAt(0) < 256)).toBe(true);
    if (text.includes('GET /smuggled')) expect(wanted).toBe('refused');
  }
});

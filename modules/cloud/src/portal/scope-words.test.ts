import { expect, test } from '@jest/globals';
import { readScopeLine, scopeLine } from './scope-words.ts';

test.each([
  ['all', 'all'],
  ['lon-* site1 tag:region=eu', { prefixes: ['lon-'], names: ['site1'], tags: { region: 'eu' } }],
  ['site1 site2', { names: ['site1', 'site2'] }],
] as const)('%j is read and written the same', (line, scope) => {
  expect(readScopeLine(line)).toEqual(scope);
  expect(scopeLine(scope as never)).toBe(line);
});

test('commas part words, and an empty line is all nodes', () => {
  expect(readScopeLine('a, b*')).toEqual({ prefixes: ['b'], names: ['a'] });
  expect(readScopeLine('  ')).toBe('all');
});

import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { mayGrant } from './grants.ts';
import { isAtMost, lesserRole } from './roles.ts';
import { containsNode, isWithin, readScope, type Scope, scopeText } from './scope.ts';

const EU = { tags: { 'site.region': 'eu', ring: 'a' } };
const TAGS = { site: { region: 'eu' }, ring: 'a' };

describe('containsNode()', () => {
  test.each<[Scope, string, object, boolean]>([
    ['all', 'x', {}, true],
    [{}, 'x', {}, false],
    [{ prefixes: ['lon-'] }, 'lon-1', {}, true],
    [{ prefixes: ['lon-'] }, 'Lon-1', {}, false],
    [{ names: ['a'] }, 'a', {}, true],
    [{ names: ['a'] }, 'ab', {}, false],
    [EU, 'x', TAGS, true],
    [EU, 'x', { ...TAGS, ring: 'b' }, false],
    [EU, 'x', { 'site.region': 'eu', ring: 'a' }, false],
    [{ tags: {} }, 'x', TAGS, false],
    [{ tags: { constructor: 'x' } }, 'x', {}, false],
  ])('%j %s %j: %s', (scope, name, tags, wanted) => {
    expect(containsNode(scope, name, tags as never)).toBe(wanted);
  });
});

describe('isWithin()', () => {
  test.each<[Scope, Scope, boolean]>([
    ['all', 'all', true],
    ['all', { prefixes: ['a'] }, false],
    [{ prefixes: ['lon-1'] }, { prefixes: ['lon-'] }, true],
    [{ prefixes: ['lon'] }, { prefixes: ['lon-'] }, false],
    [{ names: ['lon-1', 'x'] }, { prefixes: ['lon-'], names: ['x'] }, true],
    [{ names: ['y'] }, { prefixes: ['lon-'], names: ['x'] }, false],
    [{ tags: { region: 'eu', ring: 'a' } }, { tags: { region: 'eu' } }, true],
    [{ tags: { region: 'eu' } }, { tags: { region: 'eu', ring: 'a' } }, false],
    [{ tags: { region: 'eu' } }, { prefixes: ['a'] }, false],
    [{}, { prefixes: ['a'] }, true],
  ])('%j in %j: %s', (inner, outer, wanted) => {
    expect(isWithin(inner, outer)).toBe(wanted);
  });

  test('holds whatever nodes and tags there are: nothing in the inner scope is outside the outer', () => {
    const scopes: Scope[] = [
      'all',
      {},
      { prefixes: ['a'] },
      { prefixes: ['ab'] },
      { names: ['a', 'c'] },
      { names: ['ab'] },
    ];
    scopes.push({ tags: { r: 'x' } }, { tags: { r: 'x', s: 'y' } }, { prefixes: ['c'], tags: { r: 'x' } });
    const nodes = ['a', 'ab', 'b', 'c'].flatMap((name) =>
      ([{}, { r: 'x' }, { s: 'y' }, { r: 'x', s: 'y' }] as JsonObject[]).map((tags) => ({ name, tags })),
    );
    for (const inner of scopes) {
      for (const outer of scopes) {
        if (!isWithin(inner, outer)) continue;
        const leaks = nodes.filter(
          ({ name, tags }) => containsNode(inner, name, tags) && !containsNode(outer, name, tags),
        );
        expect([inner, outer, leaks]).toEqual([inner, outer, []]);
      }
    }
  });
});

test('mayGrant() needs role and every scope', () => {
  const by = { role: 'deployer', scopes: [{ prefixes: ['lon-'] }, 'all' as const] };
  expect(mayGrant(by, { role: 'operator', scope: { prefixes: ['lon-1'] } })).toBe(true);
  expect(mayGrant(by, { role: 'admin', scope: { prefixes: ['lon-1'] } })).toBe(false);
  expect(mayGrant(by, { role: 'viewer', scope: 'all' })).toBe(false);
});

test('roles are a scale, and what is no role has no right', () => {
  expect([lesserRole('admin', 'viewer'), lesserRole('viewer', 'deployer'), lesserRole('', 'admin')]).toEqual([
    'viewer',
    'viewer',
    '',
  ]);
  expect([isAtMost('operator', 'operator'), isAtMost('admin', 'deployer'), isAtMost('viewer', 'constructor')]).toEqual([
    true,
    false,
    false,
  ]);
});

test('readScope() takes what it cannot read for no node', () => {
  expect(['"all"', '{"names":["a"]}', 'null', '[]', 'x', '"some"'].map(readScope)).toEqual([
    'all',
    { names: ['a'] },
    {},
    {},
    {},
    {},
  ]);
  expect(scopeText(readScope('x'))).toBe('no node');
});

import { expect, test } from '@jest/globals';
import { safeNext } from './sign-in.ts';

test.each([
  ['/portal/nodes/edge1?range=7d', '/portal/nodes/edge1?range=7d'],
  ['/portal', '/portal'],
  [null, '/portal'],
  ['', '/portal'],
  ['https://evil.example/portal', '/portal'],
  ['//evil.example/portal', '/portal'],
  ['/\\evil.example', '/portal'],
  ['/portal/../../api/v1/nodes', '/portal'],
  ['/portalx', '/portal'],
  ['javascript:alert(1)', '/portal'],
  ['/portal/\nset-cookie: x', '/portal/set-cookie:%20x'],
])('after a sign-in %j leads to %s', (next, target) => {
  expect(safeNext(next)).toBe(target);
});

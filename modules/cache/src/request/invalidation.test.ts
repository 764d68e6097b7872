import { describe, expect, test } from '@jest/globals';
import { OriginTable } from '../origin/origins.ts';
import { type Change, outdatedKeys } from './invalidation.ts';

const table = new OriginTable({ custom: [], parent: null, fallback: 'http://10.0.0.7:8080' });
const origin = table.resolve('www.example');
if (origin === undefined) throw new Error('no origin');
const change = (more: Partial<Change>): Change => ({
  ...{ origin, method: 'POST', target: '/a/b?c=1', authority: 'www.example', status: 200, headers: {}, ...more },
});

describe('outdatedKeys() (RFC 9111 4.4)', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH'])('%s: the target', (method) => {
    expect(outdatedKeys(change({ method }))).toEqual(['default/a/b?c=1']);
  });

  test.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])('%s: nothing', (method) => {
    expect(outdatedKeys(change({ method }))).toEqual([]);
  });

  test.each([
    [201, 1],
    [303, 1],
    [400, 0],
    [500, 0],
  ])('status %d: %d keys', (status, count) => expect(outdatedKeys(change({ status }))).toHaveLength(count));

  test.each([
    ['/x', ['default/a/b?c=1', 'default/x']],
    ['x?y', ['default/a/b?c=1', 'default/a/x?y']],
    ['http://www.example/x', ['default/a/b?c=1', 'default/x']],
    ['http://10.0.0.7:8080/x', ['default/a/b?c=1', 'default/x']],
    ['http://other.example/x', ['default/a/b?c=1']],
    ['ftp://www.example/x', ['default/a/b?c=1']],
    ['http://[bad', ['default/a/b?c=1']],
  ])('Location and Content-Location %s', (value, keys) => {
    expect(outdatedKeys(change({ headers: { location: value } }))).toEqual(keys);
    expect(outdatedKeys(change({ headers: { 'content-location': value } }))).toEqual(keys);
  });
});

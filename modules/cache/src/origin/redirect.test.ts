import { describe, expect, test } from '@jest/globals';
import { type Origin, OriginTable } from './origins.ts';
import { redirectStep } from './redirect.ts';

const table = new OriginTable({
  custom: [
    { id: 'cdn', hosts: ['cdn.example'] },
    { id: 'own', hosts: ['own.example'], url: 'http://10.0.0.5:8080' },
    { id: 'odd', hosts: ['odd.example'], port: 8081 },
  ],
  parent: null,
  fallback: null,
});
const resolve = (host: string) => table.resolve(host);
const cdn = table.resolve('cdn.example') as Origin;
const step = (location: string | undefined, status = 302, origin = cdn) =>
  redirectStep(status, location, { origin, target: '/a/b?c=1' }, resolve);

describe('redirectStep()', () => {
  test.each([
    ['an absolute one to a listed host', 'http://own.example/x?y', 'http://10.0.0.5:8080', '/x?y'],
    ['a path', '/d', 'http://cdn.example', '/d'],
    ['a relative path', 'd', 'http://cdn.example', '/a/d'],
    ['a query', '?z', 'http://cdn.example', '/a/b?z'],
    ['a protocol-relative one', '//CDN.example/e', 'http://cdn.example', '/e'],
    ['an upgrade', 'https://cdn.example/s', 'https://cdn.example', '/s'],
    ['a listed port', 'http://odd.example:8081/p', 'http://odd.example:8081', '/p'],
  ])('follows %s', (_, location, base, target) => {
    const next = step(location);
    expect([next?.origin.base, next?.target]).toEqual([base, target]);
  });

  test.each([
    ['an unlisted host', 'http://evil.test/'],
    ['an address', 'http://127.0.0.1/'],
    ['an address in disguise', 'http://2130706433/'],
    ['an IPv6 address', 'http://[::1]/'],
    ['another port of a listed host', 'http://cdn.example:8080/'],
    ['credentials', 'http://u:p@cdn.example/'],
    ['another scheme', 'ftp://cdn.example/'],
    ['a file', 'file:///etc/passwd'],
    ['nonsense', 'http://'],
    ['nothing', undefined],
  ])('does not follow %s', (_, location) => expect(step(location)).toBeUndefined());

  test('not from https down to http', () => {
    expect(step('http://cdn.example/', 302, { ...cdn, base: 'https://cdn.example' })).toBeUndefined();
  });

  test.each([
    [200, false],
    [300, false],
    [301, true],
    [304, false],
    [307, true],
    [308, true],
  ])('status %i: %p', (status, isFollowed) => expect(step('/x', status) !== undefined).toBe(isFollowed));
});

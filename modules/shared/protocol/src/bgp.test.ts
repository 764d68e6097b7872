import { describe, expect, test } from '@jest/globals';
import { asPathLength, BgpRouteHash, originAsnOf } from './bgp.ts';

describe('BgpRouteHash', () => {
  test('does not depend on the order', () => {
    const one = new BgpRouteHash();
    one.toggle('r1', '198.51.100.0/24', '64500 64501', null);
    one.toggle('r1', '203.0.113.0/24', '64500', 10);
    const other = new BgpRouteHash();
    other.toggle('r1', '203.0.113.0/24', '64500', 10);
    other.toggle('r1', '198.51.100.0/24', '64500 64501', null);
    expect(other.toString()).toBe(one.toString());
    expect(one.toString()).toMatch(/^[0-9a-f]{16}$/);
  });

  test('a route taken out again leaves what was before, also after a text round trip', () => {
    const hash = new BgpRouteHash();
    hash.toggle('r1', '198.51.100.0/24', '64500', null);
    const before = hash.toString();
    hash.toggle('r2', '2001:db8::/32', '', 0);
    const copy = BgpRouteHash.from(hash.toString());
    expect(copy.toString()).not.toBe(before);
    copy.toggle('r2', '2001:db8::/32', '', 0);
    expect(copy.toString()).toBe(before);
  });

  test.each([
    ['the session', ['r2', '198.51.100.0/24', '64500', null]],
    ['the prefix', ['r1', '198.51.101.0/24', '64500', null]],
    ['the length', ['r1', '198.51.100.0/25', '64500', null]],
    ['the path', ['r1', '198.51.100.0/24', '64501', null]],
    ['the MED', ['r1', '198.51.100.0/24', '64500', 0]],
  ] as const)('tells routes apart by %s', (_, [session, prefix, asPath, med]) => {
    const one = new BgpRouteHash();
    one.toggle('r1', '198.51.100.0/24', '64500', null);
    const other = new BgpRouteHash();
    other.toggle(session, prefix, asPath, med);
    expect(other.toString()).not.toBe(one.toString());
  });

  test('single routes of a large table do not collide', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 10_000; i += 1) {
      const hash = new BgpRouteHash();
      hash.toggle('r1', `10.${i >> 8}.${i & 255}.0/24`, '64500', null);
      seen.add(hash.toString());
    }
    expect(seen.size).toBe(10_000);
  });

  test('refuses a text that is no hash', () => {
    expect(() => BgpRouteHash.from('xyz')).toThrow(RangeError);
  });
});

test.each([
  ['64500 64501', 64501, 2],
  ['64500 {64501 64502}', null, 2],
  ['(65001 65002) 64500', 64500, 1],
  ['', null, 0],
  ['4200000000', 4_200_000_000, 1],
])('the path "%s" has the origin %s and the length %s', (path, origin, length) => {
  expect(originAsnOf(path)).toBe(origin);
  expect(asPathLength(path)).toBe(length);
});

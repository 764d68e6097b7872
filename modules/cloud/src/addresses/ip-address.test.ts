import { describe, expect, test } from '@jest/globals';
import { formatIpAddress, parseIpAddress } from './ip-address.ts';
import { checkIpPrefix, countAddresses, formatIpPrefix, overlapsPrefix, parseIpPrefix } from './ip-prefix.ts';
import { specialRangeOf } from './special-ranges.ts';

describe('parseIpAddress()', () => {
  // Right column: RFC 5952 4.
  test.each([
    ['1.2.3.4', '1.2.3.4'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s is %s', (text, canonical) => {
    expect(formatIpAddress(parseIpAddress(text)!)).toBe(canonical);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '010.1.1.1',
    '1.2.3.4 ',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    'localhost',
    '1'.repeat(100),
  ])('takes no "%s"', (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });
});

describe('checkIpPrefix()', () => {
  test.each([
    ['10.1.2.3/8', '10.0.0.0/8', true],
    ['10.0.0.0/08', '10.0.0.0/8', false],
    ['0.0.0.0/0', '0.0.0.0/0', false],
    ['1.2.3.4/32', '1.2.3.4/32', false],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33', true],
    ['::/0', '::/0', false],
  ])('%s is %s', (text, canonical, hadHostBits) => {
    const check = checkIpPrefix(text);
    expect(check.ok && [formatIpPrefix(check.prefix), check.hadHostBits]).toEqual([canonical, hadHostBits]);
  });

  test.each([
    '1.2.3.4',
    '1.2.3.4/',
    '1.2.3.4/33',
    '1.2.3.4/-1',
    '1.2.3.4/1e1',
    '1.2.3/8',
    '::/129',
    '::ffff:1.2.3.4/96',
    '/8',
    `${'1'.repeat(60)}/8`,
  ])('takes no "%s"', (text) => {
    expect(checkIpPrefix(text).ok).toBe(false);
  });
});

test('overlapsPrefix() is true for nested and equal blocks of one family only', () => {
  const overlap = (a: string, b: string) => overlapsPrefix(parseIpPrefix(a), parseIpPrefix(b));
  expect(overlap('10.0.0.0/8', '10.2.0.0/16')).toBe(true);
  expect(overlap('10.2.0.0/16', '10.0.0.0/8')).toBe(true);
  expect(overlap('10.0.0.0/9', '10.128.0.0/9')).toBe(false);
  expect(overlap('::/0', '0.0.0.0/0')).toBe(false);
});

test('countAddresses() counts an address in several blocks once', () => {
  const blocks = ['10.0.1.0/24', '10.0.0.0/23', '10.0.0.0/23', '10.0.2.0/24', '2001:db8::/64'].map(parseIpPrefix);
  expect(countAddresses(blocks, 4)).toBe(768);
  expect(countAddresses(blocks, 6)).toBe(2 ** 64);
});

test.each([
  ['10.2.0.0/16', 'private'],
  ['8.0.0.0/5', 'private'],
  ['0.0.0.0/1', 'never'],
  ['169.254.169.254/32', 'never'],
  ['239.0.0.0/8', 'never'],
  ['fd00::/8', 'private'],
  ['2.21.234.0/24', undefined],
  ['2a00::/16', undefined],
])('specialRangeOf(%s) is %s', (text, kind) => {
  expect(specialRangeOf(parseIpPrefix(text))?.kind).toBe(kind);
});

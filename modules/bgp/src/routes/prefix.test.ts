import { describe, expect, test } from '@jest/globals';
import { contains, formatPrefix, hasClearHostBits, type Prefix, parsePrefix } from './prefix.ts';

const formatted = (text: string) => {
  const { family, words, length } = parsePrefix(text) as Prefix;
  return formatPrefix(family, words, length);
};

describe('parsePrefix() and formatPrefix()', () => {
  test.each([
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255', '255.255.255.255/32'],
    ['192.0.2.128/25', '192.0.2.128/25'],
    ['::/0', '::/0'],
    ['2001:DB8:0:0:1:0:0:1/128', '2001:db8::1:0:0:1/128'],
    ['2001:db8:0:0:0:0:0:0/32', '2001:db8::/32'],
    ['1:0:2:3:4:5:6:7/64', '1:0:2:3:4:5:6:7/64'],
    ['::ffff:192.0.2.1', '::ffff:c000:201/128'],
    ['fe80::1:0:0:0/70', 'fe80::1:0:0:0/70'],
    ['::1', '::1/128'],
    ['1::', '1::/128'],
  ])('%s is %s', (text, wanted) => {
    expect(formatted(text)).toBe(wanted);
  });

  test.each([
    '',
    '/',
    '1.2.3/8',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4/33',
    '1.2.3.4/-1',
    '1.2.3.4/8x',
    '1.2.3.4/ 8',
    '::/129',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'g::',
    '12345::',
    '::1.2.3',
    '1.2.3.4::',
    '1:2:3:4:5:6:7::8',
    `${'1'.repeat(60)}`,
    'fe80::1%eth0',
  ])('"%s" is no prefix', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test('host bits are seen', () => {
    expect(hasClearHostBits(parsePrefix('10.1.0.0/16') as Prefix)).toBe(true);
    expect(hasClearHostBits(parsePrefix('10.1.0.1/16') as Prefix)).toBe(false);
    expect(hasClearHostBits(parsePrefix('2001:db8::/33') as Prefix)).toBe(true);
    expect(hasClearHostBits(parsePrefix('2001:db8:8000::/32') as Prefix)).toBe(false);
  });

  test('an address lies in a prefix or not, up to the last bit', () => {
    const inside = (prefix: string, address: string) =>
      contains(parsePrefix(prefix) as Prefix, (parsePrefix(address) as Prefix).words);
    expect(inside('0.0.0.0/0', '255.255.255.255')).toBe(true);
    expect(inside('128.0.0.0/1', '127.255.255.255')).toBe(false);
    expect(inside('192.0.2.0/31', '192.0.2.1')).toBe(true);
    expect(inside('192.0.2.0/32', '192.0.2.1')).toBe(false);
    expect(inside('2001:db8::/33', '2001:db8:7fff::1')).toBe(true);
    expect(inside('2001:db8::/33', '2001:db8:8000::')).toBe(false);
  });
});

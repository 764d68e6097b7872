import { describe, expect, test } from '@jest/globals';
import { parseHttpDate } from './http-date.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

describe('parseHttpDate() (RFC 9110 5.6.7)', () => {
  test.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', '1994-11-06T08:49:37Z'],
    ['Sunday, 06-Nov-94 08:49:37 GMT', '1994-11-06T08:49:37Z'],
    ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37Z'],
    ['Sun Nov 16 08:49:37 1994', '1994-11-16T08:49:37Z'],
    ['THU, 18 AUG 2050 02:01:18 gmt', '2050-08-18T02:01:18Z'],
    ['Thursday, 18-Aug-50 02:01:18 GMT', '2050-08-18T02:01:18Z'],
    ['Wednesday, 01-Jan-77 00:00:00 GMT', '1977-01-01T00:00:00Z'],
    ['Thursday, 01-Jan-76 00:00:00 GMT', '2076-01-01T00:00:00Z'],
    ['Sun, 21 Nov 2286 04:46:39 GMT', '2286-11-21T04:46:39Z'],
    ['Sat, 31 Dec 2016 23:59:60 GMT', '2016-12-31T23:59:59Z'],
  ])('%s', (text, iso) => expect(parseHttpDate(text, NOW)).toBe(Date.parse(iso)));

  test.each([
    '0',
    '',
    'Thu, 18 Aug 2050 02:01:18 UTC',
    'Thu, 18 Aug 2050 02:01:18 AEST',
    'Thu, 18 Aug 50 02:01:18 GMT',
    'Thu 18 Aug 2050 02:01:18 GMT',
    'Thu, 18  Aug  2050 02:01:18 GMT',
    'Thu, 18-Aug-2050 02:01:18 GMT',
    'Thu, 18 Aug 2050 02.01.18 GMT',
    'Thu, 18 Aug 2050 2:01:18 GMT',
    'Thu, 31 Feb 2050 02:01:18 GMT',
    'Thu, 18 Aug 2050 24:00:00 GMT',
    'Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT',
    '2050-08-18T02:01:18Z',
  ])('%j is no date', (text) => expect(parseHttpDate(text, NOW)).toBeUndefined());
});

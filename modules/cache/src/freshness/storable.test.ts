import { describe, expect, test } from '@jest/globals';
import { isStorable, type Semantics } from './storable.ts';

const AT = Date.parse('2026-01-01T00:00:00Z');
const DATE = new Date(AT).toUTCString();
const DAY_BEFORE = new Date(AT - 86_400_000).toUTCString();

function storable(
  status: number,
  headers: Record<string, string>,
  semantics: Semantics,
  isAuthorized = false,
): boolean {
  const header = (name: string) => headers[name];
  return isStorable({ status, header, requestAtMs: AT, responseAtMs: AT, semantics, isAuthorized });
}

describe('isStorable() (RFC 9111 3)', () => {
  test.each<[number, Record<string, string>, boolean, boolean]>([
    // status, headers, content, http
    [200, {}, true, false],
    [206, {}, true, false],
    [200, { etag: '"a"' }, true, true],
    [200, { 'last-modified': DAY_BEFORE }, true, true],
    [200, { 'cache-control': 'max-age=0' }, true, false],
    [200, { 'cache-control': 'max-age=5' }, true, true],
    [200, { 'cache-control': 'no-store, max-age=5' }, false, false],
    [200, { 'cache-control': 'private, max-age=5' }, false, false],
    [200, { 'cache-control': 'private="x-user", max-age=5' }, false, false],
    [200, { 'cache-control': 'no-cache="set-cookie", max-age=5' }, true, true],
    [200, { vary: '*' }, false, false],
    [200, { vary: 'Accept-Encoding, *', 'cache-control': 'max-age=5' }, false, false],
    [200, { vary: 'Accept-Encoding', 'cache-control': 'max-age=5' }, true, true],
    [200, { 'set-cookie': 'a=1' }, false, false],
    [200, { 'set-cookie': 'a=1', 'cache-control': 'max-age=1' }, false, true],
    [200, { 'set-cookie': 'a=1', 'cache-control': 'public, max-age=1' }, true, true],
    [404, {}, false, false],
    [404, { etag: '"a"' }, false, false],
    [404, { 'cache-control': 'max-age=5' }, true, true],
    [404, { date: DATE, 'last-modified': DAY_BEFORE }, true, true],
    [403, { date: DATE, 'last-modified': DAY_BEFORE }, false, false],
    [302, { 'cache-control': 'max-age=5' }, true, true],
    [599, { expires: new Date(AT + 9000).toUTCString(), date: DATE }, true, true],
    [599, { 'cache-control': 'public', date: DATE, 'last-modified': DAY_BEFORE }, true, true],
    [304, { 'cache-control': 'max-age=5' }, false, false],
    [205, { 'cache-control': 'max-age=5' }, false, false],
    [103, { 'cache-control': 'max-age=5' }, false, false],
  ])('%d %j: content %p, http %p', (status, headers, content, http) => {
    expect([storable(status, headers, 'content'), storable(status, headers, 'http')]).toEqual([content, http]);
  });

  test.each([
    [200, 'max-age=5, no-store, must-understand', true],
    [599, 'max-age=5, no-store, must-understand', false],
    [599, 'max-age=5, must-understand', false],
  ])('must-understand (5.2.2.3): %d %s: %p', (status, control, expected) => {
    expect(storable(status, { 'cache-control': control }, 'http')).toBe(expected);
  });

  test.each([
    ['max-age=5', false],
    ['max-age=5, public', true],
    ['max-age=5, must-revalidate', true],
    ['s-maxage=5', true],
  ])('answer to a request with Authorization (3.5), %s: %p', (control, expected) => {
    expect(storable(200, { 'cache-control': control }, 'http', true)).toBe(expected);
  });

  test('a targeted field outranks Cache-Control (RFC 9213 2.2)', () => {
    expect(storable(200, { 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=5' }, 'http')).toBe(true);
    expect(storable(200, { 'cache-control': 'max-age=5', 'cdn-cache-control': 'no-store' }, 'http')).toBe(false);
  });
});

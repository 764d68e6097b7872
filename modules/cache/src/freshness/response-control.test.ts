import { describe, expect, test } from '@jest/globals';
import { computeFreshness } from './freshness.ts';
import { parseTargeted } from './response-control.ts';

const AT = Date.parse('2026-01-01T00:00:00Z');

describe('parseTargeted() (RFC 9213 2.1)', () => {
  test.each<[string | undefined, Record<string, string> | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['max-age=60', { 'max-age': '60' }],
    ['foobar, max-age=60;ext="x"', { foobar: '', 'max-age': '60' }],
    ['no-store=?0, max-age=1', { 'max-age': '1' }],
    ['private="a, b", s-maxage=2', { private: 'a, b', 's-maxage': '2' }],
    ['community=UCI, max-age=5', { community: 'UCI', 'max-age': '5' }],
    ['max-age=60, &&&&', undefined],
    ['max-age="60"', undefined],
    ['max-age=1.5', undefined],
    ['max-age=-1', undefined],
    ['max-age', undefined],
    ['max-age =60', undefined],
    ['MaX-aGe=60', undefined],
    ['max-age=(1 2)', undefined],
  ])('%j', (value, expected) => {
    const directives = parseTargeted(value);
    expect(directives === undefined ? undefined : Object.fromEntries(directives)).toEqual(expected);
  });
});

describe('which field counts (RFC 9213 2.2)', () => {
  const lifetime = (headers: Record<string, string>) =>
    computeFreshness({ requestAtMs: AT, responseAtMs: AT, header: (name) => headers[name] });

  test.each([
    [{ 'cache-control': 'max-age=1', 'cdn-cache-control': 'max-age=600' }, 600],
    [{ 'cache-control': 'max-age=600', 'cdn-cache-control': 'max-age=1' }, 1],
    [{ expires: new Date(AT + 9e6).toUTCString(), 'cdn-cache-control': 'foo' }, 0],
    [{ 'cache-control': 'max-age=7', 'cdn-cache-control': 'max-age="600"' }, 7],
  ])('%j: %d s', (headers, secs) => expect(lifetime(headers).lifetimeSecs).toBe(secs));

  test('no-cache of the targeted field', () => {
    expect(lifetime({ 'cdn-cache-control': 'no-cache', 'cache-control': 'max-age=9' }).alwaysRevalidate).toBe(true);
  });
});

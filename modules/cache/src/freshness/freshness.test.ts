import { describe, expect, test } from '@jest/globals';
import { parseCacheControl } from './cache-control.ts';
import { computeFreshness, currentAgeSecs, isFresh, mayServeOnError, mayServeWhileRevalidating } from './freshness.ts';

const AT = Date.parse('2026-01-01T00:00:00Z');
const DATE = new Date(AT).toUTCString();
const of = (headers: Record<string, string>, ttlSecs?: number) =>
  computeFreshness({ requestAtMs: AT, responseAtMs: AT, header: (name) => headers[name], ttlSecs });

describe('lifetime (RFC 9111 4.2.1)', () => {
  test.each([
    [{ 'cache-control': 'max-age=60' }, 60],
    [{ 'cache-control': 'max-age=60, s-maxage=120' }, 120],
    [{ 'cache-control': 'max-age="30"' }, 30],
    [{ 'cache-control': 'MAX-AGE=5, max-age=9' }, 5],
    [{ 'cache-control': 'max-age=x', expires: new Date(AT + 9000).toUTCString() }, 0],
    [{ date: DATE, expires: new Date(AT + 90_000).toUTCString() }, 90],
    [{ date: DATE, expires: '0' }, 0],
    [{ date: DATE, 'last-modified': new Date(AT - 1_000_000).toUTCString() }, 100],
    [{ date: DATE, 'last-modified': new Date(AT - 1e11).toUTCString() }, 86_400],
    [{}, 0],
  ])('%j: %d s', (headers, secs) => expect(of(headers as Record<string, string>).lifetimeSecs).toBe(secs));

  test("the operator's ttl outranks the response", () => {
    expect(of({ 'cache-control': 'no-cache, max-age=1' }, 500)).toMatchObject({
      lifetimeSecs: 500,
      alwaysRevalidate: false,
    });
  });
});

describe('age and use', () => {
  test('Age and the way here count (RFC 9111 4.2.3)', () => {
    const header = (name: string) => ({ age: '10', date: DATE })[name];
    const freshness = computeFreshness({ requestAtMs: AT, responseAtMs: AT + 2000, header });
    expect(currentAgeSecs(freshness, AT + 5000)).toBe(15);
  });

  test('fresh until the lifetime is over, then stale only on error', () => {
    const freshness = of({ 'cache-control': 'max-age=60' });
    expect([isFresh(freshness, AT + 59_000), isFresh(freshness, AT + 60_000)]).toEqual([true, false]);
    expect([mayServeWhileRevalidating(freshness, AT + 60_000), mayServeOnError(freshness, AT + 60_000)]).toEqual([
      false,
      true,
    ]);
  });

  test('must-revalidate forbids stale use, stale-while-revalidate allows it for a time (RFC 5861)', () => {
    expect(mayServeOnError(of({ 'cache-control': 'max-age=1, must-revalidate' }), AT + 2000)).toBe(false);
    const window = of({ 'cache-control': 'max-age=1, stale-while-revalidate=10' });
    expect([10_000, 11_500].map((ms) => mayServeWhileRevalidating(window, AT + ms))).toEqual([true, false]);
  });
});

test('parseCacheControl() reads quoted arguments and odd spacing', () => {
  const directives = parseCacheControl(' max-age = 5 ,no-cache="a, b" , , x="q\\"q"');
  expect([...directives]).toEqual([
    ['max-age', '5'],
    ['no-cache', 'a, b'],
    ['x', 'q"q'],
  ]);
});

import { describe, expect, test } from '@jest/globals';
import { parseClientControl, satisfies } from './client-control.ts';
import { computeFreshness } from './freshness.ts';

const AT = Date.parse('2026-01-01T00:00:00Z');
const stored = (control: string) =>
  computeFreshness({
    requestAtMs: AT,
    responseAtMs: AT,
    header: (name) => (name === 'cache-control' ? control : undefined),
  });

describe('satisfies() (RFC 9111 5.2.1)', () => {
  test.each<[string | undefined, string, number, boolean]>([
    // request, response, seconds later, usable
    [undefined, 'max-age=100', 50, true],
    [undefined, 'max-age=100', 100, false],
    ['no-cache', 'max-age=100', 1, false],
    ['no-store', 'max-age=100', 1, false],
    ['max-age=0', 'max-age=100', 1, false],
    ['max-age=10', 'max-age=100', 10, true],
    ['max-age=10', 'max-age=100', 11, false],
    ['min-fresh=40', 'max-age=100', 60, true],
    ['min-fresh=41', 'max-age=100', 60, false],
    ['max-stale', 'max-age=100', 9000, true],
    ['max-stale=20', 'max-age=100', 120, true],
    ['max-stale=20', 'max-age=100', 121, false],
    ['max-stale', 'max-age=100, must-revalidate', 101, false],
    ['max-stale', 's-maxage=100', 101, false],
    ['max-stale', 'max-age=100, no-cache', 101, false],
    ['unknown=1', 'max-age=100', 50, true],
  ])('%s asks of %s after %d s: %p', (request, response, secs, expected) => {
    expect(satisfies(parseClientControl(request, undefined), stored(response), AT + secs * 1000)).toBe(expected);
  });
});

test.each([
  [undefined, undefined, undefined],
  [undefined, 'no-cache', true],
  [undefined, 'foo, no-cache', true],
  [undefined, 'foo', undefined],
  ['max-age=5', 'no-cache', false],
])('Cache-Control %s, Pragma %s: reload %p (5.4)', (control, pragma, expected) => {
  expect(parseClientControl(control, pragma)?.isReload).toBe(expected);
});

import { describe, expect, test } from '@jest/globals';
import type { Json } from '@wayside/protocol';
import { filterLines, matchItems, parseLogLine, readLogFilter, readLogItems } from './log-filter.ts';

const NOW = Date.UTC(2026, 0, 2);
const LOG = [
  '<6> 2026-01-01 00:00:00.000 +00:00 [INF] one',
  '<3> 2026-01-01 00:00:01.000 +01:00 [ERR] two',
  'no level here',
  '<7> 2026-01-01 00:00:02.000 +00:00 [DBG] three',
  '',
].join('\n');

test('parseLogLine() reads level and time, and takes other lines as level 6', () => {
  expect(parseLogLine('<3> 2026-01-01 00:00:01.000 +01:00 [ERR] two')).toEqual({
    loglevel: 3,
    timestamp: '2025-12-31T23:00:01.000Z',
    text: '[ERR] two',
  });
  expect(parseLogLine('hello')).toEqual({ loglevel: 6, timestamp: null, text: 'hello' });
  expect(parseLogLine('<3> 2026-99-99 00:00:01.000 +01:00 x')).toEqual({ loglevel: 3, timestamp: null, text: 'x' });
});

test.each<[string, Json, string[]]>([
  ['nothing', null, ['one', 'two', 'here', 'three']],
  ['level', { loglevel: 3 }, ['two']],
  ['level 6 keeps lines without one', { loglevel: 6 }, ['one', 'two', 'here']],
  ['regex', { regex: 't(w|h)' }, ['two', 'three']],
  ['tail after the others', { loglevel: 6, tail: 2 }, ['two', 'here']],
  ['regex and tail', { regex: 't.o$|one', tail: 1 }, ['two']],
])('filterLines() by %s', (_what, filter, words) => {
  const kept = filterLines(LOG, readLogFilter(filter, 'filter', NOW));
  expect(kept.map((line) => line.split(' ').at(-1))).toEqual(words);
});

test('readLogFilter() reads times as durations, RFC 3339 and UNIX seconds', () => {
  expect(readLogFilter({ since: '1d', until: '2026-01-01T12:00:00Z' }, 'f', NOW)).toEqual({
    since: Date.UTC(2026, 0, 1) / 1000,
    until: Date.UTC(2026, 0, 1, 12) / 1000,
  });
  expect(readLogFilter({ since: 1700000000 }, 'f', NOW).since).toBe(1700000000);
});

test.each<[string, Json, string]>([
  ['a list', [], 'filter is [], wanted an object'],
  ['tail 0', { tail: 0 }, 'filter.tail is 0'],
  ['tail as text', { tail: '5' }, 'filter.tail is "5"'],
  ['level 8', { loglevel: 8 }, 'filter.loglevel is 8'],
  ['an odd time', { since: 'yesterday-ish' }, 'filter.since is "yesterday-ish"'],
  ['a broken regex', { regex: '(' }, 'filter.regex is "("'],
  ['a regex too long', { regex: 'x'.repeat(501) }, 'filter.regex is'],
])('readLogFilter() names what is wrong: %s', (_what, filter, text) => {
  expect(() => readLogFilter(filter, 'filter', NOW)).toThrow(text);
});

test('a regex that backtracks for ever is stopped and blamed', () => {
  const { regex } = readLogFilter({ regex: '^(a+)+$' }, 'filter', NOW);
  expect(() => regex?.matches([`${'a'.repeat(50)}!`])).toThrow('takes longer than');
});

describe('items', () => {
  const names = ['edgeAgent', 'edgeHub', 'MCC'];
  test.each<[string, Json, [string, number | undefined][]]>([
    [
      'all',
      { id: 'ALL' },
      [
        ['edgeAgent', undefined],
        ['edgeHub', undefined],
        ['MCC', undefined],
      ],
    ],
    ['any case', [{ id: 'mcc' }], [['MCC', undefined]]],
    [
      'a pattern',
      [{ id: '^edge' }],
      [
        ['edgeAgent', undefined],
        ['edgeHub', undefined],
      ],
    ],
    [
      'first match wins',
      [
        { id: 'hub', filter: { tail: 1 } },
        { id: 'all', filter: { tail: 2 } },
      ],
      [
        ['edgeAgent', 2],
        ['edgeHub', 1],
        ['MCC', 2],
      ],
    ],
    ['none', [{ id: 'zzz' }], []],
  ])('%s', (_what, items, wanted) => {
    const matched = matchItems(names, readLogItems({ items }, NOW));
    expect(matched.map(({ id, filter }) => [id, filter.tail])).toEqual(wanted);
  });
  test.each<[Json | undefined]>([[undefined], [null], ['all'], [[{}]], [[{ id: 1 }]], [[{ id: '(' }]]])(
    'refuses %j',
    (items) => {
      expect(() => readLogItems({ items: items as Json }, NOW)).toThrow('items[0]');
    },
  );
});

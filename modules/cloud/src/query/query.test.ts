// The query language as far as it is served: text -> tree -> true or false over a document.

import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { holds, selectFrom } from './evaluate-query.ts';
import { parseQuery } from './parse-query.ts';

const twin: JsonObject = {
  deviceId: 'cache-1',
  tags: { site: "O'Hare", n: 5, on: true, gone: null, 'odd name': 1 },
  properties: { reported: { $version: 7, lastDesiredStatus: { code: 200 } } },
};
const where = (text: string) => holds(parseQuery(`SELECT * FROM devices WHERE ${text}`).where, twin);

describe('WHERE', () => {
  test.each([
    ["deviceId = 'cache-1'", true],
    ['deviceId = "cache-1"', true],
    ["devices.deviceId = 'cache-1'", true],
    ["deviceId = 'CACHE-1'", false],
    ["tags.site = 'O''Hare'", true],
    ['tags.n > 4 AND tags.n <= 5', true],
    ['tags.n > 5 OR tags.n <> 6', true],
    ["tags.n = '5'", false],
    ["tags.n < '9'", false],
    ['tags.on', true],
    ['NOT tags.on', false],
    ['not (tags.on and tags.n = 4)', true],
    ['tags.gone = null', true],
    ['tags.nothing = null', false],
    ['tags.nothing != 1', false],
    ['is_defined(tags.gone)', true],
    ['IS_DEFINED(tags.nothing)', false],
    ['tags.n IN [4, 5]', true],
    ["deviceId NIN ['a', 'b']", true],
    ['tags.nothing NIN [1]', false],
    ['tags.[[odd name]] = 1', true],
    ['properties.reported.$version = 7', true],
    ['properties.reported.lastDesiredStatus.code != 200', false],
    ['tags = 1', false],
    ['tags.__proto__.constructor = 1', false],
    // AND binds closer than OR.
    ['tags.on OR tags.on AND tags.n = 0', true],
    ['-1 < tags.n', true],
  ])('%s is %s', (text, expected) => {
    expect(where(text)).toBe(expected);
  });
});

describe('SELECT', () => {
  test('paths with their last word or alias as name; what is not there is left out', () => {
    const { select } = parseQuery('select deviceId, tags.n as count, tags.nothing from devices');
    expect(selectFrom(select, twin)).toEqual({ deviceId: 'cache-1', count: 5 });
  });

  test('TOP and COUNT', () => {
    expect(parseQuery('SELECT TOP 3 * FROM devices.modules')).toEqual({
      select: { kind: 'all' },
      top: 3,
      from: 'modules',
    });
    expect(parseQuery('SELECT COUNT() FROM devices').select).toEqual({ kind: 'count', alias: '$1' });
  });
});

describe('what cannot be served', () => {
  test.each([
    ['', 'SELECT is missing'],
    ['SELECT * FROM jobs', 'FROM jobs is not served'],
    ['SELECT * FROM devices GROUP BY tags.a', 'GROUP BY is not served'],
    ['SELECT avg(tags.n) FROM devices', 'function avg is not served'],
    ['SELECT deviceId, count() FROM devices', 'needs GROUP BY'],
    ["SELECT * FROM devices WHERE startswith(deviceId, 'a')", 'this function is not served'],
    ['SELECT * FROM devices WHERE tags.a = ', 'a name is missing'],
    ['SELECT * FROM devices WHERE (tags.a = 1', '")" is missing'],
    ['SELECT * FROM devices WHERE tags.a = 1 garbage', 'the query should end here'],
    ["SELECT * FROM devices WHERE tags.a = 'open", 'position 37'],
    ['SELECT * FROM devices WHERE tags.a ; 1', 'position 35'],
    [`SELECT * FROM devices WHERE ${'('.repeat(60)}1 = 1${')'.repeat(60)}`, 'more than 50 levels'],
    [`SELECT * FROM devices WHERE ${'NOT '.repeat(60)}tags.a`, 'more than 50 levels'],
    [`SELECT * FROM devices WHERE tags.a = '${'x'.repeat(33_000)}'`, 'at most 32768'],
  ])('%.60s', (text, message) => {
    expect(() => parseQuery(text)).toThrow(
      expect.objectContaining({ code: 'CLOUD_QUERY_INVALID', message: expect.stringContaining(message) }),
    );
  });
});

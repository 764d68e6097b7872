// The query language as far as it is served: text -> tree -> true or false over a document.

import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { holds, selectFrom } from './evaluate-query.ts';
import { parseCondition, parseQuery } from './parse-query.ts';

const twin: JsonObject = {
  deviceId: 'cache-1',
  tags: { site: "O'Hare", n: 5, on: true, gone: null, 'odd name': 1, list: ['a', 7], größe: 2 },
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
    ["startswith(deviceId, 'cache')", true],
    ["STARTS_WITH(deviceId, 'ache')", false],
    ["ENDSWITH(tags.site, 'Hare') AND contains(tags.site, '''')", true],
    ["STARTSWITH(tags.n, '5')", false],
    ["STARTSWITH(tags.nothing, '')", false],
    ['NOT STARTSWITH(tags.site, "X")', true],
    ['IS_NUMBER(tags.n) and IS_STRING(tags.site) and IS_BOOL(tags.on) and IS_NULL(tags.gone)', true],
    ['IS_OBJECT(tags) and IS_ARRAY(tags.list) and IS_PRIMITIVE(tags.gone)', true],
    ['IS_OBJECT(tags.list) OR IS_PRIMITIVE(tags.nothing) OR IS_NULL(tags.nothing)', false],
    ["ARRAY_CONTAINS(tags.list, 'a') AND array_length(tags.list) = 2", true],
    ["ARRAY_CONTAINS(tags.list, '7')", false],
    ['LENGTH(UPPER(tags.site)) = 6 AND substring(deviceId, 0, 5) = "cache"', true],
    ["CONCAT(deviceId, '/', tags.site) = 'cache-1/O''Hare'", true],
    ["as_number('5.5') > tags.n AND INDEX_OF(deviceId, '-') = 5", true],
    ['tags.n + 2 * 3 = 11', true],
    ['(tags.n + 2) * 3 = 21', true],
    ['tags.n -1 = 4', true],
    ['- tags.n = -5', true],
    ['tags.n % 2 = 1', true],
    ['tags.n / 0 > 1 OR tags.n / 0 < 1', false],
    ["tags.site + 1 = 'O''Hare1'", false],
    ['POWER(tags.n, 2) = SQUARE(tags.n) AND FLOOR(tags.n / 2) = 2 AND abs(-1) = 1', true],
    ['tags.größe = 2', true],
    ['tags.n IN (-5, 5)', true],
    ['tags.n NIN [-5, 4]', true],
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
    expect(parseQuery('SELECT COUNT() FROM devices').select).toEqual({
      kind: 'aggregates',
      items: [{ kind: 'aggregate', name: 'COUNT', alias: '$1' }],
    });
  });

  test('groups, aggregates and order', () => {
    const { select, groupBy, orderBy } = parseQuery(
      'SELECT tags.site, COUNT(), AVG(tags.n) AS mean, max(tags.n) FROM devices GROUP BY tags.site ORDER BY mean DESC, tags.site',
    );
    expect(select).toEqual({
      kind: 'aggregates',
      items: [
        { kind: 'path', path: ['tags', 'site'], alias: 'site' },
        { kind: 'aggregate', name: 'COUNT', alias: '$1' },
        { kind: 'aggregate', name: 'AVG', path: ['tags', 'n'], alias: 'mean' },
        { kind: 'aggregate', name: 'MAX', path: ['tags', 'n'], alias: '$2' },
      ],
    });
    expect(groupBy).toEqual([['tags', 'site']]);
    expect(orderBy).toEqual([
      { path: ['mean'], descending: true },
      { path: ['site'], descending: false },
    ]);
  });
});

describe('a condition on its own', () => {
  test('*, a condition, and the form for module twins', () => {
    expect(parseCondition(' * ')).toEqual({ from: 'devices' });
    expect(parseCondition('from devices.modules')).toEqual({ from: 'modules' });
    expect(parseCondition("FROM devices.modules WHERE devices.modules.moduleId = 'm'").from).toBe('modules');
    const { from, where: condition } = parseCondition("deviceId = 'cache-1' AND tags.n > 4");
    expect([from, holds(condition, twin)]).toEqual(['devices', true]);
  });

  test.each(['', '* AND tags.n', 'FROM devices.jobs', 'SELECT * FROM devices', 'tags.n = 1 ORDER BY tags.n'])(
    '"%s" is none',
    (text) => {
      expect(() => parseCondition(text)).toThrow(expect.objectContaining({ code: 'CLOUD_QUERY_INVALID' }));
    },
  );
});

describe('what cannot be served', () => {
  test.each([
    ['', 'SELECT is missing'],
    ['SELECT * FROM jobs', 'FROM jobs is not served'],
    ['SELECT * FROM devices GROUP BY tags.a', 'GROUP BY wants named items'],
    ['SELECT stdev(tags.n) FROM devices', 'function STDEV is not served'],
    ['SELECT sum() FROM devices', 'SUM wants a path'],
    ['SELECT deviceId, count() FROM devices', 'needs GROUP BY'],
    ['SELECT deviceId FROM devices GROUP BY tags.a', 'needs GROUP BY'],
    ['SELECT tags.a, COUNT() FROM devices GROUP BY tags.a ORDER BY tags.b', 'wants an item of SELECT'],
    ['SELECT deviceId FROM devices.jobs', 'SELECT * only'],
    ["SELECT * FROM devices WHERE soundex(deviceId, 'a')", 'this function is not served: SOUNDEX'],
    ['SELECT * FROM devices WHERE startswith(deviceId)', 'STARTSWITH has 1 operands, wanted 2'],
    ['SELECT * FROM devices WHERE COUNT() > 1', 'COUNT stands in SELECT only'],
    ['SELECT * FROM devices WHERE tags.a IN [tags.b]', 'a list holds literals only'],
    [`SELECT * FROM devices WHERE 1${'+1'.repeat(600)}`, 'more than 500 operators'],
    [`SELECT * FROM devices WHERE ${'abs('.repeat(60)}1${')'.repeat(60)}`, 'more than 50 levels'],
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

import { describe, expect, test } from '@jest/globals';
import type { HubMessage } from '../message.ts';
import { evaluate } from './evaluate.ts';
import { parseRoute } from './parser.ts';
import { RouteTable } from './route-table.ts';

const aMessage = (override: Partial<HubMessage> = {}): HubMessage => ({
  sender: 'd/temp',
  source: '/messages/modules/temp/outputs/out1',
  properties: {
    system: { messageId: 'm1', contentType: 'application/json', contentEncoding: 'utf-8', outputName: 'out1' },
    app: { level: '5', name: 'Alpha', flag: 'true', messageId: 'user wins', 'a-b': 'dash' },
  },
  body: Buffer.from(JSON.stringify({ t: 21.5, deep: { list: [1, { x: 'y' }], o: {} }, none: null, on: true })),
  enqueuedAtMs: 0,
  ...override,
});
const value = (condition: string, message = aMessage()) =>
  evaluate(parseRoute(`FROM /* WHERE ${condition} INTO $upstream`).condition!, { message });

describe('conditions', () => {
  test.each([
    ['level > 3', true],
    ['level > 10', false],
    ['level = 5', true],
    ["level = '5'", true],
    ["level = '5.0'", false],
    ['level + 1 = 6', true],
    ['-level = -5', true],
    ['2 + 3 * 4 = 14', true],
    ['(2 + 3) * 4 = 20', true],
    ['10 - 4 - 3 = 3', true],
    ['7 % 4 = 3', true],
    ['0x1F = 31', true],
    ['1.5e2 = 150', true],
    ['flag = true', true],
    ["name || '-' || level = 'Alpha-5'", true],
    ["'it\\'s \\u0041' = \"it's A\"", true],
    ["a-b = 'dash'", true],
    ['NOT (level > 3)', false],
    ['not level > 3 or level > 3', true],
    ["level <> '4' AND name != 'Beta'", true],
    ['missing', undefined],
    ["missing = 'x'", undefined],
    ["missing != 'x'", undefined],
    ["missing = 'x' OR level > 3", true],
    ["missing = 'x' AND level > 3", undefined],
    ["missing = 'x' AND level > 10", false],
    ["missing ?? 'else' = 'else'", true],
    ["(missing ?? 'else') = 'else'", true],
    ['null = null', true],
    ['undefined = undefined', undefined],
    ["$messageId = 'user wins'", true],
    ["{$messageId} = 'm1'", true],
    ["$CONTENTTYPE = 'application/json'", true],
    ["$outputName = 'out1'", true],
    ['$body.t > 21', true],
    ['{$body.t} > 21', true],
    ['$body.deep.list[0] = 1', true],
    ["$body.deep.list[1].x = 'y'", true],
    ['is_defined($body.deep.o)', false],
    ['is_null($body.none)', true],
    ['is_defined($body.nothing)', false],
    ['$body.on = true', true],
    ['$body.on', true],
    ['$body.__proto__ = 1', undefined],
    ['is_number(as_number(level)) AND is_string(level)', true],
    ["as_number('abc') = 1", undefined],
    ['is_bool(1 = 1)', true],
    ['abs(-2) + ceiling(1.2) + floor(1.8) + sign(-3) + sqrt(16) + square(3) + power(2, 3) = 25', true],
    ['exp(0) = 1', true],
    ['sqrt(-1) = 1', undefined],
    ['1 / 0 = 1', undefined],
    ["LENGTH(name) = 5 AND lower(name) = 'alpha' AND Upper(name) = 'ALPHA'", true],
    ["substring(name, 1, 3) = 'lph' AND substring(name, 3) = 'ha'", true],
    ["index_of(name, 'ph') = 2 AND index_of(name, 'z') = -1", true],
    ["starts_with(name, 'Al') AND ends_with(name, 'ha') AND contains(name, 'lp')", true],
    ["concat('a', 1, true) = 'a1true'", true],
    ["twin_change_includes('properties.reported.x')", false],
  ])('%s is %s', (condition, expected) => {
    expect(value(condition)).toBe(expected);
  });

  test('a body is only read when it says that it is JSON in a known encoding', () => {
    const properties = (contentType: string, contentEncoding: string) => ({
      system: { contentType, contentEncoding },
      app: {},
    });
    const text = '{"t":22}';
    const as = (contentType: string, encoding: string, body: Buffer) =>
      value('$body.t = 22', aMessage({ properties: properties(contentType, encoding), body }));
    expect(as('application/json; charset=utf-8', 'UTF-8', Buffer.from(text))).toBe(true);
    expect(as('application/json', 'utf-16', Buffer.from(text, 'utf16le'))).toBe(true);
    const utf32 = Buffer.alloc(text.length * 4);
    for (const [index, char] of [...text].entries()) utf32.writeUInt32LE(char.codePointAt(0)!, index * 4);
    expect(as('application/json', 'utf-32', utf32)).toBe(true);
    expect(as('text/plain', 'utf-8', Buffer.from(text))).toBeUndefined();
    expect(as('application/json', '', Buffer.from(text))).toBeUndefined();
    expect(as('application/json', 'utf-8', Buffer.from('{'))).toBeUndefined();
  });

  test('twin changes are found by the path of what was reported', () => {
    const message = aMessage({
      source: '/twinChangeNotifications',
      body: Buffer.from(JSON.stringify({ properties: { reported: { x: { y: 1 } } } })),
      properties: { system: { contentType: 'application/json', contentEncoding: 'utf-8' }, app: {} },
    });
    expect(value("twin_change_includes('properties.reported.x.y')", message)).toBe(true);
    expect(value("twin_change_includes('properties.reported.z')", message)).toBe(false);
  });
});

describe('routes that are refused', () => {
  test.each([
    ['', 'wanted FROM'],
    ['FROM /messages/*', 'wanted INTO'],
    ['FROM /messages/modules/te*/outputs/* INTO $upstream', 'unknown source'],
    ['FROM /nonsense INTO $upstream', 'unknown source'],
    ['FROM messages INTO $upstream', 'a source such as'],
    ['FROM /* INTO $downstream', 'wanted $upstream or BrokeredEndpoint'],
    ['FROM /* INTO BrokeredEndpoint("/modules/m")', 'is not "/modules/{module}/inputs/{input}"'],
    ['FROM /* INTO BrokeredEndpoint("/modules/m/inputs/i"', 'wanted ")"'],
    ['FROM /* WHERE INTO $upstream', 'wanted a value'],
    ['FROM /* WHERE a = INTO $upstream', 'wanted a value'],
    ["FROM /* WHERE a = 'x INTO $upstream", 'closing quote'],
    ['FROM /* WHERE nofunction(a) INTO $upstream', 'unknown function'],
    ['FROM /* WHERE substring(a) INTO $upstream', '1 arguments, wanted 2 to 3'],
    ['FROM /* WHERE a # b INTO $upstream', 'unexpected character "#"'],
    ['FROM /* INTO $upstream now', 'wanted the end of the route'],
    [`FROM /* WHERE ${'('.repeat(500)}1${')'.repeat(500)} INTO $upstream`, 'nested deeper'],
    [`FROM /* WHERE ${'a '.repeat(5000)} INTO $upstream`, 'at most 8192'],
  ])('%s', (route, text) => {
    expect(() => parseRoute(route)).toThrow(text);
  });

  test('one bad route rejects the set and is named', () => {
    const good = { name: 'good', route: 'FROM /* INTO $upstream', priority: 1, timeToLiveSecs: 0 };
    expect(() => new RouteTable([good, { ...good, name: 'bad', route: 'FROM x' }], 60)).toThrow(
      'Error parsing route bad - at character 6',
    );
  });
});

describe('destinations', () => {
  const table = (...routes: (string | [string, number, number])[]) =>
    new RouteTable(
      routes.map((item, index) => {
        const [route, priority, timeToLiveSecs] = typeof item === 'string' ? [item, 2_000_000_000, 0] : item;
        return { name: `r${index}`, route, priority, timeToLiveSecs };
      }),
      7200,
    );
  const goes = (route: string, source: string) =>
    table(`FROM ${route} INTO $upstream`).destinations(aMessage({ source })).length === 1;

  test.each([
    ['/messages/modules/temp/*', '/messages/modules/temp', true],
    ['/messages/modules/temp', '/messages/modules/temp/outputs/a', true],
    ['/messages/modules/temp/outputs/a', '/messages/modules/TEMP/outputs/A', true],
    ['/messages/modules/temp/outputs/a', '/messages/modules/temp/outputs/ab', false],
    ['/messages/modules/temp/*', '/messages/modules/tempExtra', false],
    ['/messages/*', '/messages', true],
    ['/messages/*', '/messages/modules/x/outputs/y', true],
    ['/messages/*', '/twinChangeNotifications', false],
    ['/*', '/twinChangeNotifications', true],
    ['/messages/modules/*', '/messages', false],
    ['/twinChangeNotifications', '/twinChangeNotifications', true],
  ])('%s takes %s: %s', (route, source, expected) => {
    expect(goes(route, source)).toBe(expected);
  });

  test('one copy an endpoint, with the best priority and its own time to live; other inputs are other endpoints', () => {
    const routes = table(
      ['FROM /* INTO $upstream', 9, 0],
      ['FROM /* WHERE level > 3 INTO $upstream', 1, 60],
      ['FROM /* WHERE level > 9 INTO $upstream', 0, 30],
      'FROM /* INTO BrokeredEndpoint("/modules/m/inputs/a")',
      "select * from /* into brokeredendpoint('modules/m/inputs/b')",
    );
    expect(
      routes.destinations(aMessage()).map(({ sink, priority, timeToLiveSecs }) => ({ sink, priority, timeToLiveSecs })),
    ).toEqual([
      { sink: { kind: 'upstream' }, priority: 1, timeToLiveSecs: 60 },
      { sink: { kind: 'input', moduleId: 'm', input: 'a' }, priority: 2_000_000_000, timeToLiveSecs: 7200 },
      { sink: { kind: 'input', moduleId: 'm', input: 'b' }, priority: 2_000_000_000, timeToLiveSecs: 7200 },
    ]);
  });
});

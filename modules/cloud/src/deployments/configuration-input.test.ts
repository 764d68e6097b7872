// What is taken as a configuration and what is refused, with its words; the condition, the paths and the metrics' texts with it.

import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { quickstartContent } from '../../test/deployment-bench.ts';
import type { Configuration } from './configuration.ts';
import { checkConfigurationId, readConfiguration } from './configuration-input.ts';
import { testQueries } from './configurations.ts';
import { covers, parseDesiredKey, withoutPath, withPath } from './desired-path.ts';
import { systemMetrics } from './system-metrics.ts';
import { compileCondition } from './target-condition.ts';

const content = { modulesContent: quickstartContent() } as JsonObject;
const layerOf = (agent: JsonObject, rest: JsonObject = {}) => ({
  content: { modulesContent: { $edgeAgent: agent, ...rest } },
});
const problemsOf = (body: JsonObject, before?: Configuration) => {
  try {
    readConfiguration(body, before);
    return [];
  } catch (error) {
    return (error as { details: { problems: { path: string; message: string }[] } }).details.problems.map(
      ({ path, message }) => `${path}: ${message}`,
    );
  }
};
const stored = (fields: Partial<Configuration>): Configuration => ({
  ...readConfiguration({ content }),
  ...{ id: 'c', etag: 'MQ==', metricResults: {}, createdAtMs: 0, createdBy: '', updatedAtMs: 0, updatedBy: '' },
  ...fields,
});

describe('readConfiguration()', () => {
  test('takes what az and the SDK send, with nulls for what is not meant', () => {
    const body = {
      ...{ id: 'x', schemaVersion: '2.0', etag: '*', labels: null, contentType: 'assignment', priority: 3 },
      content: { modulesContent: content.modulesContent!, deviceContent: null, moduleContent: null },
      ...{ targetCondition: "tags.a = 'b'", metrics: { queries: { n: 'SELECT deviceId FROM devices' }, results: {} } },
    };
    expect(readConfiguration(body)).toEqual({
      ...{ schemaVersion: '2.0', labels: null, kind: 'modulesContent', content: content.modulesContent, priority: 3 },
      ...{ targetCondition: "tags.a = 'b'", metricQueries: { n: 'SELECT deviceId FROM devices' } },
    });
    expect(readConfiguration({ content, targetCondition: null, metrics: null, priority: null })).toMatchObject({
      ...{ targetCondition: '', priority: 0, metricQueries: {}, schemaVersion: '1.0' },
    });
  });

  test.each<[string, JsonObject, string]>([
    ['no content', {}, 'content: holds nothing, wanted one of modulesContent'],
    [
      'two contents',
      { content: { ...content, deviceContent: { 'properties.desired.a': 1 } } },
      'modulesContent and deviceContent',
    ],
    [
      'a system module in a layer',
      layerOf({ 'properties.desired.systemModules.edgeHub': {} }),
      'names a system module',
    ],
    ['a whole section of $edgeAgent in a layer', layerOf({ 'properties.desired.modules': {} }), 'is a whole section'],
    [
      'a layer without $edgeAgent',
      { content: { modulesContent: { MCC: { 'properties.desired.a': 1 } } } },
      '$edgeAgent: is missing',
    ],
    ['a key that is none', layerOf({}, { MCC: { desired: {} } }), 'is no key of a layer'],
    ['an empty part of a path', layerOf({}, { MCC: { 'properties.desired.a..b': 1 } }), 'is no key of a layer'],
    [
      'a faulty module in a layer',
      layerOf({ 'properties.desired.modules.m': { type: 'docker' } }),
      'modules.m.status: is missing',
    ],
    ['a faulty route in a layer', layerOf({}, { $edgeHub: { 'properties.desired.routes.r': 7 } }), 'routes.r'],
    ['settings with a $ key', { content: { deviceContent: { 'properties.desired.$a': 1 } } }, 'name holds "$"'],
    ['a negative priority', { content, priority: -1 }, 'priority: is -1, wanted a whole number from 0'],
    ['a fraction as priority', { content, priority: 1.5 }, 'priority: is 1.5'],
    [
      'six metrics',
      { content, metrics: { queries: Object.fromEntries([...'abcdef'].map((n) => [n, 'SELECT * FROM devices'])) } },
      'at most 5',
    ],
    [
      'a metric that is no query',
      { content, metrics: { queries: { n: 'SELECT' } } },
      'query "n": Cannot read the query',
    ],
    ['a metric over jobs', { content, metrics: { queries: { n: 'SELECT * FROM devices.jobs' } } }, 'it asks for jobs'],
    ['labels that are no texts', { content, labels: { a: 1 } }, 'labels: is 1'],
    [
      'a condition that writes loops',
      { content, targetCondition: 'properties.desired.a = 1' },
      'it reads properties.desired.a',
    ],
    ['a condition of modules for devices', { content, targetCondition: 'FROM devices.modules' }, 'it asks for modules'],
    ['more than a condition', { content, targetCondition: 'tags.a = 1 ORDER BY deviceId' }, 'targetCondition: Cannot'],
    ['a condition without end', { content, targetCondition: `tags.a = '${'x'.repeat(5_000)}'` }, 'at most 4096'],
  ])('refuses %s', (_what, body, message) => {
    expect(problemsOf(body).join('\n')).toContain(message);
  });

  test('names every problem at once', () => {
    expect(problemsOf({ priority: 'high', targetCondition: 'tags.', labels: [] })).toHaveLength(4);
  });

  test('a change keeps what it leaves out; the content may be repeated, never changed', () => {
    const before = stored({ priority: 4, labels: { a: 'b' }, targetCondition: '*' });
    expect(readConfiguration({ priority: 5 }, before)).toMatchObject({
      priority: 5,
      labels: { a: 'b' },
      targetCondition: '*',
    });
    expect(problemsOf({ content }, before)).toEqual([]);
    expect(problemsOf({ content: null }, before)).toEqual([]);
    expect(problemsOf({ content: { deviceContent: { 'properties.desired.a': 1 } } }, before).join()).toContain(
      'never changes',
    );
  });

  test.each(['', 'A', 'a b', 'a/b', 'a[b]', 'a"b', '..', 'x'.repeat(129)])('the id "%.10s" is refused', (id) => {
    expect(() => checkConfigurationId(id)).toThrow(expect.objectContaining({ code: 'CLOUD_ARGUMENT_INVALID' }));
  });
});

describe('compileCondition()', () => {
  const twin = { deviceId: 'd', tags: { a: "it's" }, properties: { reported: { fw: { v: 2 } } } };
  test.each([
    ['*', true],
    ['', false],
    ['  ', false],
    ["tags.a = 'it''s'", true],
    ["deviceId IN ['x', 'd'] AND NOT tags.b = 1", true],
    ['properties.reported.fw.v >= 2', true],
    ["tags.a <> 'x' OR tags.c = 1", true],
    ["NOT deviceId = 'd'", false],
  ])('%s is %s', (text, expected) => {
    expect(compileCondition(text, 'deviceContent').targets(twin)).toBe(expected);
  });

  test('names the reported properties it reads', () => {
    const keys = (text: string) => [...compileCondition(text, 'deviceContent').reportedKeys];
    expect(keys('tags.a = 1')).toEqual([]);
    expect(keys('properties.reported.fw.v = 1 AND NOT (IS_DEFINED(properties.reported.x) OR tags.b IN [1])')).toEqual([
      'fw',
      'x',
    ]);
  });
});

test('testQueries names what is wrong, and nothing else', () => {
  expect(testQueries('tags.a = 1', { good: 'SELECT * FROM devices' })).toEqual({
    targetConditionError: null,
    customMetricQueryErrors: {},
  });
  expect(testQueries(null, {})).toEqual({ targetConditionError: null, customMetricQueryErrors: {} });
  expect(testQueries("FROM devices.modules WHERE moduleId = 'm'", {}).targetConditionError).toBeNull();
  expect(testQueries(7, { bad: 8 })).toEqual({
    targetConditionError: expect.stringContaining('is 7'),
    customMetricQueryErrors: { bad: expect.stringContaining('is 8') },
  });
});

describe('systemMetrics()', () => {
  const queries = (fields: Partial<Configuration>) =>
    systemMetrics(stored(fields), { targeted: 1, applied: 2, reportedSuccessful: 3, reportedFailed: 4 }).queries;
  const edge = 'select deviceId from devices where capabilities.iotEdge = true';

  test.each([
    ['*', edge],
    ['', `${edge} and false`],
    ["tags.a = 'b'", `${edge} and tags.a = 'b'`],
    ['tags.a = 1 OR tags.b = 2', `${edge} and (tags.a = 1 OR tags.b = 2)`],
  ])('of an edge deployment to %s', (targetCondition, targetedCount) => {
    expect(queries({ targetCondition })).toMatchObject({ targetedCount });
  });

  test('of device and module settings: no reports are counted', () => {
    expect(queries({ kind: 'deviceContent', targetCondition: '*' })).toEqual({
      targetedCount: 'select deviceId from devices',
      appliedCount: "select deviceId from devices where configurations.[[c]].status = 'Applied'",
    });
    const targetCondition = "FROM devices.modules WHERE moduleId = 'm'";
    expect(queries({ kind: 'moduleContent', targetCondition }).targetedCount).toBe(
      "select deviceId, moduleId from devices.modules where moduleId = 'm'",
    );
    expect(queries({ kind: 'moduleContent', targetCondition: 'from devices.modules' }).targetedCount).toBe(
      'select deviceId, moduleId from devices.modules',
    );
  });
});

describe('desired paths', () => {
  test('parseDesiredKey()', () => {
    expect(parseDesiredKey('properties.desired')).toEqual([]);
    expect(parseDesiredKey('properties.desired.a.b')).toEqual(['a', 'b']);
    for (const key of ['properties.desired.', 'properties.reported.a', 'properties.desiredX', '']) {
      expect(parseDesiredKey(key)).toBeUndefined();
    }
  });

  test('withPath() replaces the whole value, makes what is missing, removes by null, and leaves its input alone', () => {
    const section = { a: { b: 1, c: 2 }, list: [1] };
    expect(withPath(section, ['a', 'b'], { x: 1 })).toEqual({ a: { b: { x: 1 }, c: 2 }, list: [1] });
    expect(withPath(section, ['list', 'x'], 1)).toEqual({ a: { b: 1, c: 2 }, list: { x: 1 } });
    expect(withPath(section, ['a', 'b'], null)).toEqual({ a: { c: 2 }, list: [1] });
    expect(withPath(section, ['n', 'm'], 0)).toEqual({ ...section, n: { m: 0 } });
    expect(section).toEqual({ a: { b: 1, c: 2 }, list: [1] });
    const odd = withPath({}, ['__proto__', 'x'], 1);
    expect([Object.keys(odd), ({} as { x?: number }).x]).toEqual([['__proto__'], undefined]);
  });

  test('withoutPath() takes emptied objects along', () => {
    expect(withoutPath({ a: { b: { c: 1 } }, d: 2 }, ['a', 'b', 'c'])).toEqual({ d: 2 });
    expect(withoutPath({ a: { b: { c: 1 }, e: 3 } }, ['a', 'b', 'c'])).toEqual({ a: { e: 3 } });
    const section = { a: 1 };
    expect(withoutPath(section, ['a', 'b'])).toBe(section);
    expect([covers(['a'], ['a', 'b']), covers(['a', 'b'], ['a']), covers([], ['x'])]).toEqual([true, false, true]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '@wayside/kit';
import { readConfig } from '../config.ts';
import { makeReport } from './cache-report.ts';
import { parseDesired } from './desired.ts';
import { isThisHost } from './operations-access.ts';
import { type CountedOrigin, TrafficCounters } from './traffic-counters.ts';

describe('readConfig()', () => {
  test("the original's environment", () => {
    const config = readConfig({
      CUSTOMER_ID: 'c',
      CUSTOMER_KEY: 'secret-1',
      STORAGE_2_SIZE_GB: '20',
      STORAGE_1_SIZE_GB: '10',
      CACHEABLE_CUSTOM_1_HOST: 'Packagerepo.com:80',
      CACHEABLE_CUSTOM_1_CANONICAL: 'packages',
      CACHEABLE_CUSTOM_7_HOST: '10.0.0.7:8080',
      IS_SUMMARY_PUBLIC: 'True',
    });
    expect(config.drives).toEqual([
      { path: '/nginx/cache1/', sizeBytes: 10e9 },
      { path: '/nginx/cache2/', sizeBytes: 20e9 },
    ]);
    expect(config.customOrigins).toMatchObject([
      { hosts: ['packagerepo.com'], port: 80, canonical: 'packages', url: undefined },
      { hosts: ['10.0.0.7'], url: 'http://10.0.0.7:8080' },
    ]);
    expect([config.isSummaryPublic, config.listen.port, JSON.stringify(config)]).toEqual([
      true,
      8081,
      expect.not.stringContaining('secret-1'),
    ]);
  });

  test('arguments of standalone use', () => {
    const config = readConfig({}, [
      '--listen',
      '127.0.0.1:8080',
      '--origin',
      'http://127.0.0.1:18090',
      '--drive',
      '/d,1',
      '--drive',
      '/e,0.5',
    ]);
    expect(config).toMatchObject({ listen: { host: '127.0.0.1', port: 8080 }, origin: 'http://127.0.0.1:18090' });
    expect(config.drives).toHaveLength(2);
  });

  test('every problem at once', () => {
    const read = () =>
      readConfig(
        {
          STORAGE_1_SIZE_GB: '5',
          CACHEABLE_CUSTOM_1_CANONICAL: 'x',
          UPSTREAM_PROXY: 'user@proxy',
          CACHE_MAX_EGRESS_MBPS: '-1',
        },
        ['--x', '1'],
      );
    let problems: readonly { path: string }[] = [];
    try {
      read();
    } catch (error) {
      problems = (error as ConfigError).problems;
      expect(error).toBeInstanceOf(ConfigError);
    }
    const paths = problems.map(({ path }) => path).join(' ');
    for (const part of [
      'STORAGE_1_SIZE_GB',
      'CACHEABLE_CUSTOM_1_CANONICAL',
      'UPSTREAM_PROXY',
      'CACHE_MAX_EGRESS_MBPS',
      '--x',
    ])
      expect(paths).toContain(part);
  });

  test.each(['.', './var', '/', '/with space'])('drive path %j is refused', (path) => {
    expect(() => readConfig({ CACHE_DRIVES: `${path},100` })).toThrow(ConfigError);
  });
});

describe('parseDesired()', () => {
  test('the quickstart document', () => {
    const { settings, problems } = parseDesired({
      origins: {
        quick: {
          hosts: 'a.example, *.b.example',
          url: 'http://quickstart-origin:8080',
          ttlSecs: 60,
          ignoreQuery: 'P1,P2',
        },
      },
      maxEgressMbps: 100,
      drain: true,
      $version: 3,
    });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({ maxEgressMbps: 100, drain: true });
    expect(settings.origins[0]).toMatchObject({
      id: 'quick',
      hosts: ['a.example', '*.b.example'],
      ttlSecs: 60,
      ignoreQuery: ['P1', 'P2'],
    });
  });

  test.each([
    [{ origins: { a: { hosts: '' } } }, 'origins.a.hosts'],
    [{ origins: { a: { hosts: '169.254.169.254' } } }, 'origins.a.hosts'],
    [{ origins: { a: { hosts: 'a', url: 'http://u:p@h' } } }, 'origins.a.url'],
    [{ origins: { a: { hosts: 'a', url: 'http://h/path' } } }, 'origins.a.url'],
    [{ origins: { a: { hosts: 'a', ttlSecs: -1 } } }, 'origins.a.ttlSecs'],
    [{ origins: { a: { hosts: 'a', host: 'b' } } }, 'origins.a.host'],
    [{ origins: [] }, 'origins'],
    [{ maxEgressMbps: '5' }, 'maxEgressMbps'],
  ])('%j names %s', (desired, path) => expect(parseDesired(desired).problems.map((p) => p.path)).toEqual([path]));

  test('null deletes an origin', () =>
    expect(parseDesired({ origins: { a: null } })).toMatchObject({ problems: [], settings: { origins: [] } }));
});

test('makeReport(): deltas of the interval, totals over all lives', () => {
  const counters = new TrafficCounters();
  const a: CountedOrigin = { id: 'built-in', canonical: 'dl.delivery.mp.microsoft.com' };
  const b: CountedOrigin = { id: 'mine', canonical: 'b' };
  counters.addBytes(a, 5, 10);
  const before = counters.snapshot();
  counters.requests += 3;
  counters.addResult(a, 'HIT');
  counters.addResult(a, 'HIT');
  counters.addResult(b, 'PARTIAL');
  counters.addBytes(a, 30, 0);
  counters.addBytes(b, 0, 10);
  const report = makeReport({
    fromMs: 0,
    toMs: 15_000,
    before,
    after: counters.snapshot(),
    ingressBytes: 12,
    earlier: { hitBytes: 100, missBytes: 0 },
    drives: [],
  });
  expect(report).toMatchObject({
    requests: 3,
    hits: 2,
    misses: 1,
    hitBytes: 30,
    missBytes: 10,
    egressBytes: 40,
    ingressBytes: 12,
  });
  expect(report.totals).toEqual({ hitBytes: 135, missBytes: 20, egressBytes: 155, hitRatioBytes: 135 / 155 });
  expect(report.byOrigin).toEqual([
    { host: a.canonical, contentClass: 'windowsUpdate', hits: 2, misses: 0, hitBytes: 30, missBytes: 0 },
    { host: 'b', contentClass: 'custom', hits: 0, misses: 1, hitBytes: 0, missBytes: 10 },
  ]);
  expect(report.byContentClass).toEqual([
    { contentClass: 'windowsUpdate', hits: 2, misses: 0, hitBytes: 30, missBytes: 0 },
    { contentClass: 'custom', hits: 0, misses: 1, hitBytes: 0, missBytes: 10 },
  ]);
});

test('isThisHost(): loopback and the container gateway only', () => {
  expect(['127.0.0.1', '::1', '::ffff:127.0.0.1', '172.17.0.1'].map((a) => isThisHost(a, '172.17.0.1'))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(['10.0.0.1', '::ffff:10.0.0.1', ''].map((a) => isThisHost(a, undefined))).toEqual([false, false, false]);
});

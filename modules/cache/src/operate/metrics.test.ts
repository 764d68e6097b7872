import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { EgressBudget } from '../deliver/egress-budget.ts';
import { FillMeters } from '../fill/fill-meters.ts';
import { noScrubFigures } from '../store/scrub-figures.ts';
import { Histogram } from './histogram.ts';
import { type MetricsDeps, makeMetrics } from './metrics.ts';
import { TrafficCounters } from './traffic-counters.ts';

const counters = new TrafficCounters();
let registry: ReturnType<typeof makeMetrics>;
let text: string;

beforeAll(async () => {
  const origin = { id: 'mine', canonical: 'a.example' };
  counters.addResult(origin, 'HIT');
  counters.addBytes(origin, 70, 30);
  for (const ms of [0.5, 3, 30_000]) counters.addTtfb('HIT', ms);
  const drive = {
    path: '/d',
    capBytes: 100,
    usedBytes: 40,
    isUp: false,
    objectCount: 3,
    issue: 'DriveNotFound',
    evictedObjects: 2,
  };
  const deps = {
    traffic: counters,
    gate: {
      ...{ ingressBytes: 5, requests: 2, failures: 1, refusals: 0, detours: 0, redirects: 0, transfers: 1 },
      lines: [{ base: 'http://a.example', running: 1, breaker: 'open' }],
      ttfb: new Histogram([1]),
    },
    fills: { meters: new FillMeters() },
    loader: { corruptChunks: 1, readErrors: 0, coldLoads: 0 },
    store: {
      ...{ liveCount: 3, hotBodies: { bytes: 9 }, drives: [drive] },
      scrubFigures: { ...noScrubFigures(), lastPassAtMs: { '/d': 1000 } },
    },
    budget: new EgressBudget(),
    memoryLevel: () => 0,
    purges: () => ({ waiting: 0, objects: 0 }),
    prefetch: () => ({ jobs: 0, waitingUrls: 0, bytes: 0 }),
    accessLog: () => ({ written: 0, dropped: 0 }),
    certificateSecs: () => 86_400,
    isDraining: () => false,
  } as unknown as MetricsDeps;
  registry = makeMetrics(deps);
  text = await registry.metrics();
});

describe('metrics', () => {
  test.each([
    'wayside_cache_egress_bytes_total{origin="a.example",from="cache"} 70',
    'wayside_cache_class_egress_bytes_total{content_class="custom",from="origin"} 30',
    'wayside_cache_answers_total{origin="a.example",from="cache"} 1',
    'wayside_cache_ttfb_seconds_bucket{from="cache",le="0.001"} 1',
    'wayside_cache_ttfb_seconds_bucket{from="cache",le="0.005"} 2',
    'wayside_cache_ttfb_seconds_bucket{from="cache",le="20"} 2',
    'wayside_cache_ttfb_seconds_bucket{from="cache",le="+Inf"} 3',
    'wayside_cache_ttfb_seconds_count{from="cache"} 3',
    'wayside_cache_origin_out{origin="http://a.example"} 1',
    'wayside_cache_drive_issue{drive="/d",issue="DriveNotFound"} 1',
    'wayside_cache_certificate_remaining_seconds{listener="https"} 86400',
  ])('%s', (line) => expect(text.split('\n')).toContain(line));

  test('a later scrape sees later figures', async () => {
    counters.requests += 3;
    await new Promise((resolve) => setImmediate(resolve));
    expect(text).toContain('wayside_cache_requests_total 0');
    expect(await registry.metrics()).toContain('wayside_cache_requests_total 3');
  });
});

describe('the Grafana dashboard', () => {
  const dashboard = readFileSync(new URL('../../../../deployment/grafana/wayside-cache.json', import.meta.url), 'utf8');

  test('names only metrics that are exported, and labels that they have', () => {
    const expressions = [...dashboard.matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] as string);
    expect(expressions.length).toBeGreaterThan(40);
    const named = new Set(
      expressions.flatMap((expression) => expression.match(/\b(?:wayside|process)_[a-z0-9_]+/g) ?? []),
    );
    const exported = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name, type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name as string],
      ),
    );
    expect([...named].filter((name) => !exported.has(name))).toEqual([]);
    for (const label of ['content_class', 'from', 'result', 'origin', 'drive', 'issue', 'finding', 'limit'])
      expect(text).toContain(`${label}="`);
  });

  test('shows every counter and gauge of ours but those it says it leaves out', () => {
    const left = [
      'access_log',
      'live_objects',
      'cold_loads',
      'redirects',
      'scrub',
      'purges_waiting',
      'drive_objects',
    ].concat(['egress_clients', 'answers_total', 'fills_total']);
    const missing = [...text.matchAll(/^# TYPE (wayside_cache_\S+) /gm)]
      .map((match) => match[1] as string)
      .filter((name) => !dashboard.includes(name) && !left.some((part) => name.includes(part)));
    expect(missing).toEqual([]);
  });
});

// Prometheus metrics of the cache: traffic, origins, fills, drives, queues.

import { collectDefaultMetrics, Registry } from 'prom-client';
import type { EgressBudget } from '../deliver/egress-budget.ts';
import { FILL_BOUNDS_MS } from '../fill/fill-meters.ts';
import type { Fills } from '../fill/fills.ts';
import type { OriginGate } from '../origin/origin-gate.ts';
import type { ChunkLoader } from '../store/chunk-loader.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type MetricFamilies, metricFamilies } from './snapshot-metrics.ts';
import { byContentClass, type TrafficSnapshot, type TrafficSource, TTFB_BOUNDS_MS } from './traffic-counters.ts';

export interface MetricsDeps {
  traffic: TrafficSource;
  gate: OriginGate;
  fills: Pick<Fills, 'meters'>;
  loader: ChunkLoader;
  store: ObjectStore;
  budget: EgressBudget;
  /** 0 = normal, 1 = new misses are refused, 2 = bodies in memory were dropped too. */
  memoryLevel: () => number;
  /** Purges that wait or run; objects purged since the start. */
  purges: () => { waiting: number; objects: number };
  prefetch: () => { jobs: number; waitingUrls: number; bytes: number };
  accessLog: () => { written: number; dropped: number };
  /** Seconds until the certificate ends, null without one. */
  certificateSecs: () => number | null;
  isDraining: () => boolean;
}

export function makeMetrics(deps: MetricsDeps): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const families = metricFamilies(registry);
  let snapshot: TrafficSnapshot | null = null;
  const traffic = () => {
    // One snapshot serves all metrics of a scrape: they are read in one turn.
    if (snapshot === null) setImmediate(() => (snapshot = null));
    snapshot ??= deps.traffic.snapshot();
    return snapshot;
  };
  addTraffic(families, traffic);
  addOrigins(families, deps);
  addDrives(families, deps);
  addOperations(families, deps);
  return registry;
}

function addTraffic({ total, totals, gauge, histogram }: MetricFamilies, traffic: () => TrafficSnapshot): void {
  total('wayside_cache_requests_total', 'Requests received', () => traffic().requests);
  total('wayside_cache_errors_5xx_total', 'Answers with a 5xx status', () => traffic().errors5xx);
  total('wayside_cache_refused_total', 'Requests for hosts or addresses that are not served', () => traffic().refused);
  totals('wayside_cache_overload_total', 'Requests refused with 503, by the limit that refused', ['limit'], () =>
    Object.entries(traffic().overloads).map(([limit, count]) => [{ limit }, count]),
  );
  gauge('wayside_cache_connections', 'Open connections of clients', () => traffic().connections.open);
  total('wayside_cache_connections_refused_total', 'Connections above a limit', () => traffic().connections.refused);
  total(
    'wayside_cache_slow_clients_total',
    'Clients cut because they read too slowly',
    () => traffic().connections.slow,
  );
  gauge('wayside_cache_active_requests', 'Requests in work', () => traffic().activeRequests);
  totals('wayside_cache_results_total', 'Answers by how the cache came to their bytes', ['result'], () =>
    Object.entries(traffic().results).map(([result, count]) => [{ result }, count]),
  );
  totals(
    'wayside_cache_egress_bytes_total',
    'Body bytes sent to clients, by origin; from = cache or origin',
    ['origin', 'from'],
    () => Object.entries(traffic().byOrigin).flatMap(([origin, sums]) => bytesOf({ origin }, sums)),
  );
  totals('wayside_cache_answers_total', 'Answers by origin; from = cache or origin', ['origin', 'from'], () =>
    Object.entries(traffic().byOrigin).flatMap(([origin, sums]) => answersOf({ origin }, sums)),
  );
  totals(
    'wayside_cache_class_egress_bytes_total',
    'Body bytes sent to clients, by content class; from = cache or origin',
    ['content_class', 'from'],
    () => [...byContentClass(traffic().byOrigin)].flatMap(([name, sums]) => bytesOf({ content_class: name }, sums)),
  );
  totals(
    'wayside_cache_class_answers_total',
    'Answers by content class; from = cache or origin',
    ['content_class', 'from'],
    () => [...byContentClass(traffic().byOrigin)].flatMap(([name, sums]) => answersOf({ content_class: name }, sums)),
  );
  histogram(
    'wayside_cache_ttfb_seconds',
    'Time to the head of an answer; from = cache or origin',
    TTFB_BOUNDS_MS,
    () => [
      [{ from: 'cache' }, traffic().ttfb.hit],
      [{ from: 'origin' }, traffic().ttfb.miss],
    ],
  );
}

function bytesOf(labels: Record<string, string>, { hitBytes, missBytes }: { hitBytes: number; missBytes: number }) {
  return [[{ ...labels, from: 'cache' }, hitBytes] as const, [{ ...labels, from: 'origin' }, missBytes] as const];
}

function answersOf(labels: Record<string, string>, { hits, misses }: { hits: number; misses: number }) {
  return [[{ ...labels, from: 'cache' }, hits] as const, [{ ...labels, from: 'origin' }, misses] as const];
}

function addOrigins({ total, gauge, gauges, histogram }: MetricFamilies, { gate, fills }: MetricsDeps): void {
  total('wayside_cache_origin_bytes_total', 'Body bytes fetched from origins', () => gate.ingressBytes);
  total('wayside_cache_origin_requests_total', 'Requests to origins', () => gate.requests);
  total('wayside_cache_origin_failures_total', 'Requests to origins without an answer', () => gate.failures);
  total('wayside_cache_origin_refusals_total', 'Requests that a breaker or a full line refused', () => gate.refusals);
  total('wayside_cache_origin_detours_total', 'Requests that went past a parent that is out', () => gate.detours);
  total('wayside_cache_origin_redirects_total', 'Redirects followed', () => gate.redirects);
  gauge('wayside_cache_origin_transfers', 'Transfers from origins under way', () => gate.transfers);
  gauges('wayside_cache_origin_out', '1 while an origin is left alone after failures', ['origin'], () =>
    gate.lines.map(({ base, breaker }) => [{ origin: base }, breaker === 'closed' ? 0 : 1]),
  );
  histogram('wayside_cache_origin_ttfb_seconds', 'Time to the head of an origin', TTFB_BOUNDS_MS, () => [
    [{}, gate.ttfb.snapshot()],
  ]);
  histogram('wayside_cache_fill_seconds', 'How long transfers into objects take', FILL_BOUNDS_MS, () => [
    [{}, fills.meters.durations.snapshot()],
  ]);
  total(
    'wayside_cache_fills_total',
    'Transfers into objects that brought what they were for',
    () => fills.meters.finished,
  );
  total('wayside_cache_fills_failed_total', 'Transfers into objects that broke off', () => fills.meters.failed);
}

function addDrives({ total, totals, gauge, gauges }: MetricFamilies, { loader, store }: MetricsDeps): void {
  total('wayside_cache_corrupt_chunks_total', 'Chunks whose CRC did not hold', () => loader.corruptChunks);
  total('wayside_cache_read_errors_total', 'Reads from drives that failed', () => loader.readErrors);
  total('wayside_cache_cold_loads_total', 'Chunks brought in from drives', () => loader.coldLoads);
  gauge('wayside_cache_live_objects', 'Objects held in memory', () => store.liveCount);
  gauge('wayside_cache_hot_body_bytes', 'Bodies of small objects held in memory', () => store.hotBodies.bytes);
  gauges('wayside_cache_drive_bytes', 'Cap and use of each drive', ['drive', 'kind'], () =>
    store.drives.flatMap((drive) => [
      [{ drive: drive.path, kind: 'size' }, drive.capBytes] as const,
      [{ drive: drive.path, kind: 'used' }, drive.usedBytes] as const,
    ]),
  );
  gauges('wayside_cache_drive_up', '1 when the drive is in use', ['drive'], () =>
    store.drives.map((drive) => [{ drive: drive.path }, drive.isUp ? 1 : 0]),
  );
  total('wayside_cache_scrubbed_chunks_total', 'Chunks read again in idle time', () => store.scrubFigures.chunks);
  totals('wayside_cache_scrub_findings_total', 'What scrubbing found: bad, unreadable, lost', ['finding'], () => {
    const { badChunks, unreadableChunks, lostFiles } = store.scrubFigures;
    return [
      [{ finding: 'bad' }, badChunks],
      [{ finding: 'unreadable' }, unreadableChunks],
      [{ finding: 'lost' }, lostFiles],
    ];
  });
  gauges(
    'wayside_cache_scrub_last_pass_seconds',
    'When a drive was last gone through wholly, Unix time',
    ['drive'],
    () => Object.entries(store.scrubFigures.lastPassAtMs).map(([drive, atMs]) => [{ drive }, atMs / 1000]),
  );
  gauges('wayside_cache_drive_objects', 'Objects on each drive', ['drive'], () =>
    store.drives.map((drive) => [{ drive: drive.path }, drive.objectCount]),
  );
  gauges('wayside_cache_drive_issue', '1 for the issue that a drive has', ['drive', 'issue'], () =>
    store.drives
      .filter(({ issue }) => issue !== null)
      .map((drive) => [{ drive: drive.path, issue: String(drive.issue) }, 1]),
  );
  totals('wayside_cache_evicted_objects_total', 'Objects dropped to make room', ['drive'], () =>
    store.drives.map((drive) => [{ drive: drive.path }, drive.evictedObjects]),
  );
}

function addOperations({ total, gauge, gauges }: MetricFamilies, deps: MetricsDeps): void {
  const { budget } = deps;
  gauge('wayside_cache_draining', '1 while new requests are refused', () => (deps.isDraining() ? 1 : 0));
  gauge('wayside_cache_egress_cap_bytes_per_second', 'Cap on bytes to clients, 0 for none', () =>
    budget.isCapped ? budget.bytesPerSec : 0,
  );
  gauge('wayside_cache_egress_streams', 'Bodies on their way to clients', () => budget.streams);
  gauge('wayside_cache_egress_clients', 'Client addresses with a body on its way', () => budget.clients);
  gauge('wayside_cache_egress_waiting', 'Bodies that wait for their turn under the egress cap', () => budget.waiting);
  gauge(
    'wayside_cache_memory_level',
    '1: new misses are refused, 2: bodies in memory were dropped too',
    deps.memoryLevel,
  );
  gauge('wayside_cache_purges_waiting', 'Purges that wait or run', () => deps.purges().waiting);
  total('wayside_cache_purged_objects_total', 'Objects that purges took out', () => deps.purges().objects);
  gauge('wayside_cache_prefetch_jobs', 'Prefetch jobs that are not over', () => deps.prefetch().jobs);
  gauge(
    'wayside_cache_prefetch_waiting_urls',
    'URLs that prefetch jobs have yet to bring',
    () => deps.prefetch().waitingUrls,
  );
  total('wayside_cache_prefetch_bytes_total', 'Bytes that prefetch jobs fetched', () => deps.prefetch().bytes);
  total('wayside_cache_access_log_lines_total', 'Lines of the access log', () => deps.accessLog().written);
  total(
    'wayside_cache_access_log_dropped_total',
    'Lines of the access log that could not be written',
    () => deps.accessLog().dropped,
  );
  gauges(
    'wayside_cache_certificate_remaining_seconds',
    'Until the certificate of the HTTPS listener ends',
    ['listener'],
    () => {
      const left = deps.certificateSecs();
      return left === null ? [] : [[{ listener: 'https' }, left]];
    },
  );
}

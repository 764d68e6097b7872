// Prometheus metrics: read from the counters when asked, so that counting costs a request nothing twice.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { EgressBudget } from '../deliver/egress-budget.ts';
import type { OriginGate } from '../origin/origin-gate.ts';
import type { ChunkLoader } from '../store/chunk-loader.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { TrafficCounters } from './traffic-counters.ts';

export interface MetricsDeps {
  counters: TrafficCounters;
  gate: OriginGate;
  loader: ChunkLoader;
  store: ObjectStore;
  budget: EgressBudget;
  isDraining: () => boolean;
}

export function makeMetrics({ counters, gate, loader, store, isDraining }: MetricsDeps): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const total = (name: string, help: string, read: () => number) => {
    const counter: Counter = new Counter({
      name,
      help,
      registers,
      collect() {
        counter.reset();
        counter.inc(read());
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number) => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
  };
  total('wayside_cache_requests_total', 'Requests received', () => counters.requests);
  total('wayside_cache_errors_5xx_total', 'Answers with a 5xx status', () => counters.errors5xx);
  total('wayside_cache_refused_total', 'Requests for hosts or addresses that are not served', () => counters.refused);
  total('wayside_cache_origin_bytes_total', 'Body bytes fetched from origins', () => gate.ingressBytes);
  total('wayside_cache_origin_requests_total', 'Requests to origins', () => gate.requests);
  total('wayside_cache_origin_failures_total', 'Requests to origins without an answer', () => gate.failures);
  total('wayside_cache_corrupt_chunks_total', 'Chunks whose CRC did not hold', () => loader.corruptChunks);
  total('wayside_cache_read_errors_total', 'Reads from drives that failed', () => loader.readErrors);
  total('wayside_cache_cold_loads_total', 'Chunks brought in from drives', () => loader.coldLoads);
  gauge('wayside_cache_active_requests', 'Requests in work', () => counters.activeRequests);
  gauge('wayside_cache_origin_transfers', 'Transfers from origins under way', () => gate.transfers);
  gauge('wayside_cache_live_objects', 'Objects held in memory', () => store.liveCount);
  gauge('wayside_cache_draining', '1 while new requests are refused', () => (isDraining() ? 1 : 0));
  const results: Counter = new Counter({
    name: 'wayside_cache_results_total',
    help: 'Answers by how the cache came to their bytes',
    labelNames: ['result'],
    registers,
    collect() {
      results.reset();
      for (const [result, count] of Object.entries(counters.results)) results.inc({ result }, count);
    },
  });
  const bytes: Counter = new Counter({
    name: 'wayside_cache_egress_bytes_total',
    help: 'Body bytes sent to clients, by origin; from = cache or origin',
    labelNames: ['origin', 'from'],
    registers,
    collect() {
      bytes.reset();
      for (const [origin, { hitBytes, missBytes }] of counters.byOrigin) {
        bytes.inc({ origin, from: 'cache' }, hitBytes);
        bytes.inc({ origin, from: 'origin' }, missBytes);
      }
    },
  });
  const drives: Gauge = new Gauge({
    name: 'wayside_cache_drive_bytes',
    help: 'Cap and use of each drive',
    labelNames: ['drive', 'kind'],
    registers,
    collect() {
      for (const drive of store.drives) {
        drives.set({ drive: drive.path, kind: 'size' }, drive.capBytes);
        drives.set({ drive: drive.path, kind: 'used' }, drive.usedBytes);
      }
    },
  });
  const up: Gauge = new Gauge({
    name: 'wayside_cache_drive_up',
    help: '1 when the drive is in use',
    labelNames: ['drive'],
    registers,
    collect() {
      for (const drive of store.drives) up.set({ drive: drive.path }, drive.isUp ? 1 : 0);
    },
  });
  const evicted: Counter = new Counter({
    name: 'wayside_cache_evicted_objects_total',
    help: 'Objects dropped to make room',
    labelNames: ['drive'],
    registers,
    collect() {
      evicted.reset();
      for (const drive of store.drives) evicted.inc({ drive: drive.path }, drive.evictedObjects);
    },
  });
  return registry;
}

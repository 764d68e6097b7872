// Figures of the cloud for Prometheus: states of the nodes, probes, API calls, messages, and those of the process.

import type { NodeState } from '@wayside/protocol';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { NodeDb } from '../nodes/tables.ts';
import type { Platform } from '../platform.ts';
import type { Routing } from '../routing/routing.ts';
import type { NodeWatch } from './node-watch.ts';
import type { ProbeLoop } from './probe-loop.ts';
import type { ProbeResult } from './probe-verdict.ts';

const STATES: readonly NodeState[] = [
  'NotConfigured',
  'NotProvisioned',
  'NeverPhonedHome',
  'Healthy',
  'Unhealthy',
  'Disabled',
];
const PROBE_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const REQUEST_SECONDS = [0.002, 0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 30];
/** Application properties are free: any further messageType is counted as one. */
const MESSAGE_TYPES = ['', 'health', 'cacheReport', 'bgpRoutes', 'bgpState'];

export interface CloudMetrics {
  registry: Registry;
  onProbe(nodeName: string, result: ProbeResult): void;
  onAnswer(route: { method: string; path: string }, status: number, durationMs: number): void;
}

export function createMetrics(parts: {
  db: NodeDb;
  platform: Pick<Platform, 'on'>;
  watch: () => NodeWatch;
  probes: () => ProbeLoop;
  routing: () => Routing;
  version: string;
}): CloudMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({ name: 'wayside_cloud_info', help: 'Version of the cloud', labelNames: ['version'], registers }).set(
    { version: parts.version },
    1,
  );
  new Gauge({
    name: 'wayside_cloud_nodes',
    help: 'Cache nodes by state',
    labelNames: ['state'],
    registers,
    collect() {
      const judgements = [...parts.watch().judgements().values()];
      for (const state of STATES) this.set({ state }, judgements.filter((one) => one.state === state).length);
    },
  });
  registerNodeGauges(parts, registers);
  registerRoutingGauges(parts.routing, registers);
  const messages = new Counter({
    name: 'wayside_cloud_messages_total',
    help: 'Messages stored, by messageType',
    labelNames: ['type'],
    registers,
  });
  parts.platform.on('telemetry', ({ messageType }) => {
    messages.inc({ type: MESSAGE_TYPES.includes(messageType) ? messageType : 'other' });
  });
  const probes = new Histogram({
    name: 'wayside_cloud_probe_duration_seconds',
    help: 'Time until a data port answered a probe',
    buckets: PROBE_SECONDS,
    registers,
  });
  const failures = new Counter({ name: 'wayside_cloud_probe_failures_total', help: 'Probes that failed', registers });
  const requests = new Histogram({
    name: 'wayside_cloud_api_duration_seconds',
    help: 'Time until an API answer was complete',
    labelNames: ['method', 'route', 'status'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  return {
    registry,
    onProbe: (_nodeName, { ok, durationMs }) => {
      if (durationMs !== null) probes.observe(durationMs / 1000);
      if (!ok) failures.inc();
    },
    onAnswer: ({ method, path }, status, durationMs) => {
      requests.observe({ method, route: path, status: String(status) }, durationMs / 1000);
    },
  };
}

function registerNodeGauges(parts: { db: NodeDb; probes: () => ProbeLoop }, registers: Registry[]): void {
  new Gauge({
    name: 'wayside_cloud_node_heartbeat_timestamp_seconds',
    help: 'Unix time of the last heartbeat of a node',
    labelNames: ['node'],
    registers,
    async collect() {
      this.reset();
      const rows = await parts.db.selectFrom('node_status').select(['node_name', 'heartbeat_ms']).execute();
      for (const row of rows) if (row.heartbeat_ms !== null) this.set({ node: row.node_name }, row.heartbeat_ms / 1000);
    },
  });
  new Gauge({
    name: 'wayside_cloud_node_data_port_up',
    help: '1 when the data port of a node answers probes, 0 when not; absent while unknown',
    labelNames: ['node'],
    registers,
    async collect() {
      this.reset();
      const rows = await parts.db.selectFrom('cache_node').select('name').execute();
      for (const { name } of rows) {
        const { verdict } = parts.probes().stateOf(name);
        if (verdict !== 'unknown') this.set({ node: name }, verdict === 'up' ? 1 : 0);
      }
    },
  });
}

function registerRoutingGauges(routing: () => Routing, registers: Registry[]): void {
  new Gauge({
    name: 'wayside_cloud_routing_prefixes',
    help: 'Prefixes of the routing table',
    registers,
    collect() {
      this.set(routing().prefixes);
    },
  });
  new Gauge({
    name: 'wayside_cloud_routing_table_bytes',
    help: 'Memory of the routing table',
    registers,
    collect() {
      this.set(routing().bytes);
    },
  });
  new Gauge({
    name: 'wayside_cloud_node_takes_clients',
    help: '1 when clients are routed to a node, 0 when not',
    labelNames: ['node'],
    registers,
    collect() {
      this.reset();
      for (const node of routing().nodes()) this.set({ node: node.name }, node.fault === undefined ? 1 : 0);
    },
  });
}

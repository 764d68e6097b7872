// The hub's Prometheus metrics, named as the original's (iotedge.md 3.10).

import { Counter, Gauge, Registry, Summary } from 'prom-client';

const PERCENTILES = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];
/** Quantiles are those of the last ten minutes. */
const WINDOW = { maxAgeSeconds: 600, ageBuckets: 5 } as const;

export interface GaugeSources {
  /** [endpoint, priority, messages]. */
  readonly queueLengths: () => [string, number, number][];
  readonly connectedClients: () => number;
  /** Seconds the oldest message has waited, by endpoint. */
  readonly oldestUnsentSecs: () => [string, number][];
  readonly queueBytes: () => [string, number][];
}

export class HubMetrics {
  readonly registry = new Registry();
  readonly #received = this.#counter('messages_received_total', 'Messages received', ['route_output', 'id']);
  readonly #sent = this.#counter('messages_sent_total', 'Messages delivered', [
    'from',
    'to',
    'from_route_output',
    'to_route_input',
    'priority',
  ]);
  readonly #size = this.#summary('message_size_bytes', 'Size of received messages', ['id']);
  readonly #process = this.#summary('message_process_duration_seconds', 'From storing to delivery', [
    'from',
    'to',
    'priority',
  ]);
  readonly #dropped = this.#counter('messages_dropped_total', 'Messages dropped', [
    'reason',
    'from',
    'from_route_output',
  ]);
  readonly #unacked = this.#counter('messages_unack_total', 'Messages not acknowledged', [
    'reason',
    'from',
    'from_route_output',
  ]);
  readonly #getTwin = this.#counter('gettwin_total', 'Twin reads', ['source', 'id']);
  readonly #getTwinSecs = this.#summary('gettwin_duration_seconds', 'Time of twin reads', ['source', 'id']);
  readonly #reported = this.#counter('reported_properties_total', 'Reported properties updates', ['target', 'id']);
  readonly #reportedSecs = this.#summary('reported_properties_update_duration_seconds', 'Time of reported updates', [
    'target',
    'id',
  ]);
  readonly #methods = this.#counter('direct_methods_total', 'Direct methods', ['from', 'to']);
  readonly #methodSecs = this.#summary('direct_method_duration_seconds', 'Time of direct methods', ['from', 'to']);
  readonly #offline = this.#counter('offline_count_total', 'Times the way up went offline', ['id']);
  readonly #offlineSecs = this.#summary('offline_duration_seconds', 'Time the way up was offline', ['id']);
  readonly #connectOk = this.#counter('client_connect_success_total', 'Clients accepted', ['id']);
  readonly #connectFailed = this.#counter('client_connect_failed_total', 'Clients refused', ['id', 'reason']);
  readonly #disconnects = this.#counter('client_disconnect_total', 'Clients gone', ['id']);
  readonly #sendSecs = this.#summary('message_send_duration_seconds', 'From storing to acknowledgement', [
    ...['from', 'to', 'from_route_output', 'to_route_input'],
  ]);

  constructor(labels: { iothub: string; edge_device: string; instance_number: string }, sources: GaugeSources) {
    this.registry.setDefaultLabels(labels);
    this.#gauge('queue_length', 'Messages waiting', ['endpoint', 'priority'], (gauge) => {
      for (const [endpoint, priority, n] of sources.queueLengths())
        gauge.set({ endpoint, priority: String(priority) }, n);
    });
    this.#gauge('queue_bytes', 'Bytes waiting', ['endpoint'], (gauge) => {
      for (const [endpoint, bytes] of sources.queueBytes()) gauge.set({ endpoint }, bytes);
    });
    this.#gauge('oldest_unsent_age_seconds', 'How long the oldest message has waited', ['endpoint'], (gauge) => {
      gauge.reset();
      for (const [endpoint, secs] of sources.oldestUnsentSecs()) gauge.set({ endpoint }, secs);
    });
    this.#gauge('connected_clients', 'Connected clients', [], (gauge) => gauge.set(sources.connectedClients()));
  }

  received(id: string, output: string, bytes: number): void {
    this.#received.inc({ route_output: output, id });
    this.#size.observe({ id }, bytes);
  }
  sent(m: { from: string; to: string; fromOutput: string; toInput: string; priority: number; seconds: number }): void {
    const { from, to } = m;
    const priority = String(m.priority);
    const route = { from, to, from_route_output: m.fromOutput, to_route_input: m.toInput };
    this.#sent.inc({ ...route, priority });
    this.#sendSecs.observe(route, m.seconds);
    this.#process.observe({ from, to, priority }, m.seconds);
  }
  dropped(reason: 'no_route' | 'ttl_expiry' | 'queue_full' | 'too_large', from: string, output: string): void {
    this.#dropped.inc({ reason, from, from_route_output: output });
  }
  unacked(from: string, output: string): void {
    this.#unacked.inc({ reason: 'storage_failure', from, from_route_output: output });
  }
  twinRead(source: string, id: string, seconds: number): void {
    this.#getTwin.inc({ source, id });
    this.#getTwinSecs.observe({ source, id }, seconds);
  }
  reported(target: string, id: string, seconds: number): void {
    this.#reported.inc({ target, id });
    this.#reportedSecs.observe({ target, id }, seconds);
  }
  method(from: string, to: string, seconds: number): void {
    this.#methods.inc({ from, to });
    this.#methodSecs.observe({ from, to }, seconds);
  }
  wentOffline(id: string): void {
    this.#offline.inc({ id });
  }
  cameBack(id: string, seconds: number): void {
    this.#offlineSecs.observe({ id }, seconds);
  }
  clientConnected(id: string): void {
    this.#connectOk.inc({ id });
  }
  clientGone(id: string): void {
    this.#disconnects.inc({ id });
  }
  /** `id` is a claim: only clients the node knows get a label of their own, or anybody could grow the metrics. */
  clientRefused(id: string): void {
    this.#connectFailed.inc({ id, reason: 'not_authenticated' });
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `edgehub_${name}`, help, labelNames, registers: [this.registry] });
  }
  #summary(name: string, help: string, labelNames: string[]): Summary {
    return new Summary({
      name: `edgehub_${name}`,
      help,
      labelNames,
      percentiles: PERCENTILES,
      ...WINDOW,
      registers: [this.registry],
    });
  }
  #gauge(name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void): void {
    new Gauge({
      name: `edgehub_${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        collect(this);
      },
    });
  }
}

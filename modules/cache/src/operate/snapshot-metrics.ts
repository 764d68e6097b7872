// Prometheus metrics that are read from figures kept elsewhere, at the moment Prometheus asks: counting costs a request nothing twice.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { HistogramSnapshot } from './histogram.ts';

type Labels = Record<string, string>;

export interface MetricFamilies {
  total(name: string, help: string, read: () => number): void;
  gauge(name: string, help: string, read: () => number): void;
  /** One value for each combination of labels that there is at the moment. */
  totals(name: string, help: string, labelNames: string[], read: () => Iterable<readonly [Labels, number]>): void;
  gauges(name: string, help: string, labelNames: string[], read: () => Iterable<readonly [Labels, number]>): void;
  /** Seconds, as Prometheus wants them; bounds and sums are kept in ms. */
  histogram(
    name: string,
    help: string,
    boundsMs: readonly number[],
    read: () => Iterable<readonly [Labels, HistogramSnapshot]>,
  ): void;
}

export function metricFamilies(registry: Registry): MetricFamilies {
  const registers = [registry];
  const totals: MetricFamilies['totals'] = (name, help, labelNames, read) => {
    const counter: Counter = new Counter({
      ...{ name, help, labelNames, registers },
      collect() {
        counter.reset();
        for (const [labels, value] of read()) counter.inc(labels, value);
      },
    });
  };
  const gauges: MetricFamilies['gauges'] = (name, help, labelNames, read) => {
    const gauge: Gauge = new Gauge({
      ...{ name, help, labelNames, registers },
      collect() {
        gauge.reset();
        for (const [labels, value] of read()) gauge.set(labels, value);
      },
    });
  };
  return {
    totals,
    gauges,
    total: (name, help, read) => totals(name, help, [], () => [[{}, read()]]),
    gauge: (name, help, read) => gauges(name, help, [], () => [[{}, read()]]),
    histogram(name, help, boundsMs, read) {
      const metric = {
        ...{ name, help, type: 'histogram', aggregator: 'sum' },
        get: async () => ({
          name,
          help,
          type: 'histogram',
          aggregator: 'sum',
          values: histogramValues(name, boundsMs, read()),
        }),
        reset() {},
      };
      registry.registerMetric(metric as never);
    },
  };
}

/** Cumulative buckets, sum and count, as the text format has them. */
function histogramValues(
  name: string,
  boundsMs: readonly number[],
  series: Iterable<readonly [Labels, HistogramSnapshot]>,
) {
  const values: { metricName: string; labels: Labels; value: number }[] = [];
  for (const [labels, { counts, sumMs }] of series) {
    let below = 0;
    counts.forEach((count, i) => {
      below += count;
      const bound = boundsMs[i];
      const le = bound === undefined ? '+Inf' : String(bound / 1000);
      values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below });
    });
    values.push({ metricName: `${name}_sum`, labels, value: sumMs / 1000 });
    values.push({ metricName: `${name}_count`, labels, value: below });
  }
  return values;
}

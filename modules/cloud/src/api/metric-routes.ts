// Routes of metrics: what the overview tiles and charts of the portal show.

import { METRIC_RANGES, type MetricRange, type Rate, readMetrics } from '../health/metrics.ts';
import { nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { type Call, json, type Route } from './route.ts';
import { ref } from './schemas.ts';

export function metricRoutes({ db, nodes, watch, clock, fleetMinutes }: ApiParts): Route[] {
  const query = { range: { enum: METRIC_RANGES, default: '1d' } };
  const success = { status: 200, description: 'Steps without figures are left out.', schema: ref('Metrics') };
  return [
    {
      ...{ method: 'get', path: '/nodes/{name}/metrics', right: 'read', query, success, refusals: [404] },
      summary:
        'Average and highest traffic of a node out and in, efficiency, inbound bytes, hits and misses, and their course',
      handle: async (call) => json(await answer(call, (await nodes.get(nameOf(call))).name)),
    },
    {
      ...{ method: 'get', path: '/metrics', right: 'read', query, success },
      summary: 'The same of all nodes together, with how many are healthy',
      handle: async (call) => {
        await fleetMinutes.freshen();
        const states = [...watch.judgements().values()].map(({ state }) => state);
        const countOf = (wanted: string) => states.filter((state) => state === wanted).length;
        const healthy = countOf('Healthy');
        return json({
          ...(await answer(call)),
          nodes: { total: states.length, healthy, unhealthy: countOf('Unhealthy') },
        });
      },
    },
  ];

  async function answer(call: Call, nodeName?: string) {
    const { range } = call.query as { range: MetricRange };
    const { stepMs, fromMs, toMs, points, ...figures } = await readMetrics(db, {
      nodeName,
      range,
      nowMs: clock.nowMs(),
    });
    return {
      ...{ range, stepSecs: stepMs / 1000, fromUtc: utc(fromMs), toUtc: utc(toMs) },
      ...figures,
      ...{ out: rate(figures.out), in: rate(figures.in), miss: rate(figures.miss) },
      points: points.map(({ atMs, ...point }) => ({ atUtc: utc(atMs), ...point })),
    };
  }
}

function rate({ averageMbps, maxMbps, maxAtMs }: Rate) {
  return { averageMbps, maxMbps, maxAtUtc: maxAtMs === null ? null : utc(maxAtMs) };
}

function utc(atMs: number): string {
  return new Date(atMs).toISOString();
}

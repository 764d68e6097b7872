// JSON Schemas of metrics.

import type { Schema } from './route.ts';

const number: Schema = { type: 'number' };
const time: Schema = { type: 'string', format: 'date-time' };

function object(properties: { [name: string]: Schema }, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

const RATE = object({
  averageMbps: number,
  maxMbps: { ...number, description: 'Of the busiest minute.' },
  maxAtUtc: { type: ['string', 'null'], format: 'date-time' },
});
const AGGREGATE = object({ count: number, average: number, minimum: number, maximum: number, sum: number });

export const METRIC_SCHEMAS = {
  Metrics: object(
    {
      range: { type: 'string' },
      stepSecs: { type: 'integer' },
      fromUtc: time,
      toUtc: time,
      cacheEfficiency: {
        type: ['number', 'null'],
        description: 'Hit bytes of all bytes to clients; null: no traffic.',
      },
      out: RATE,
      in: RATE,
      miss: RATE,
      inboundBytes: { ...AGGREGATE, description: 'Of the minutes with figures; so hits and misses.' },
      hits: AGGREGATE,
      misses: AGGREGATE,
      points: {
        type: 'array',
        items: object({
          ...{ atUtc: time, outMbps: number, outMbpsMax: number, inMbps: number, inMbpsMax: number },
          ...{ requests: number, hits: number, misses: number, errors5xx: number, hitBytes: number, missBytes: number },
        }),
      },
      nodes: {
        ...object({ total: number, healthy: number, unhealthy: number }),
        description: 'Only of all nodes together; those in no other state than the two are in neither count.',
      },
    },
    ['nodes'],
  ),
} satisfies { [name: string]: Schema };

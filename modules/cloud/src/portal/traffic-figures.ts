// Ranges of the overview (connected-cache.md 1.8), and the answers of the API that its tiles and charts show.

export const RANGES = ['1h', '12h', '1d', '7d', '14d', '30d'] as const;
export type Range = (typeof RANGES)[number];

export const RANGE_WORDS: { readonly [range in Range]: string } = {
  '1h': '1 hour',
  '12h': '12 hours',
  '1d': '1 day',
  '7d': '7 days',
  '14d': '14 days',
  '30d': '30 days',
};

/** Answer of GET /traffic and /nodes/{name}/traffic. */
export interface TrafficAnswer {
  range: string;
  by: string;
  stepSecs: number;
  fromUtc: string;
  toUtc: string;
  points: { atUtc: string; label: string; hits: number; misses: number; hitBytes: number; missBytes: number }[];
}

/** Answer of GET /metrics and /nodes/{name}/metrics, as far as the tiles show it. */
export interface MetricsAnswer {
  /** hit bytes / all bytes, 0..1; null without traffic. */
  cacheEfficiency: number | null;
  /** To clients. */
  out: RateAnswer;
  /** From origins. */
  in: RateAnswer;
  inboundBytes: { sum: number };
  /** Of all nodes together only. */
  nodes?: { total: number; healthy: number; unhealthy: number };
}

export interface RateAnswer {
  averageMbps: number;
  /** Of the busiest minute. */
  maxMbps: number;
  maxAtUtc: string | null;
}

export function readRange(text: string | null): Range {
  return RANGES.find((range) => range === text) ?? '1d';
}

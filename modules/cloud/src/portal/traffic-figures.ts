// Figures of the overview tiles from the points of /traffic: maximum and average in and out, cache efficiency (connected-cache.md 1.8).

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

export interface TrafficFigures {
  /** hit bytes / all bytes, 0..1; null without traffic. */
  efficiency: number | null;
  /** bit/s */
  maxOut: number;
  maxOutAtUtc: string | null;
  maxIn: number;
  maxInAtUtc: string | null;
  averageOut: number;
  averageIn: number;
  outBytes: number;
}

export function readRange(text: string | null): Range {
  return RANGES.find((range) => range === text) ?? '1d';
}

/** Out: what clients got. In: what origins sent. */
export function trafficFigures(traffic: TrafficAnswer): TrafficFigures {
  const figures: TrafficFigures = {
    ...{ efficiency: null, maxOut: 0, maxOutAtUtc: null, maxIn: 0, maxInAtUtc: null },
    ...{ averageOut: 0, averageIn: 0, outBytes: 0 },
  };
  let hitBytes = 0;
  let missBytes = 0;
  for (const point of traffic.points) {
    hitBytes += point.hitBytes;
    missBytes += point.missBytes;
    const out = ((point.hitBytes + point.missBytes) * 8) / traffic.stepSecs;
    const into = (point.missBytes * 8) / traffic.stepSecs;
    if (out > figures.maxOut) Object.assign(figures, { maxOut: out, maxOutAtUtc: point.atUtc });
    if (into > figures.maxIn) Object.assign(figures, { maxIn: into, maxInAtUtc: point.atUtc });
  }
  const spanSecs = Math.max(traffic.stepSecs, (Date.parse(traffic.toUtc) - Date.parse(traffic.fromUtc)) / 1000);
  figures.outBytes = hitBytes + missBytes;
  figures.averageOut = (figures.outBytes * 8) / spanSecs;
  figures.averageIn = (missBytes * 8) / spanSecs;
  figures.efficiency = figures.outBytes > 0 ? hitBytes / figures.outBytes : null;
  return figures;
}

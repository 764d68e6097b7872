// Whether a figure that was sampled again and again stays where it is: slope of a straight line through the second half of the samples.

export interface Sample {
  atS: number;
  value: number;
}

export interface Trend {
  /** Change a minute over the second half. */
  perMinute: number;
  first: number;
  last: number;
  max: number;
}

/** The first half is warming up: code gets compiled, pools and maps fill. */
export function trendOf(samples: readonly Sample[]): Trend {
  const half = samples.slice(Math.floor(samples.length / 2));
  const meanAt = half.reduce((sum, { atS }) => sum + atS, 0) / half.length;
  const meanValue = half.reduce((sum, { value }) => sum + value, 0) / half.length;
  const spread = half.reduce((sum, { atS }) => sum + (atS - meanAt) ** 2, 0);
  const shared = half.reduce((sum, { atS, value }) => sum + (atS - meanAt) * (value - meanValue), 0);
  return {
    perMinute: spread === 0 ? 0 : (shared / spread) * 60,
    first: samples[0]?.value ?? 0,
    last: samples.at(-1)?.value ?? 0,
    max: Math.max(...samples.map(({ value }) => value)),
  };
}

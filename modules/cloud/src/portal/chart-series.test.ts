import { describe, expect, test } from '@jest/globals';
import { ratesOf, volumesOf } from './chart-series.ts';
import type { TrafficAnswer } from './traffic-figures.ts';

const point = (minute: number, label: string, hitBytes: number, missBytes: number) => ({
  ...{ atUtc: `2026-01-01T00:0${minute}:00.000Z`, label, hits: 1, misses: 1, hitBytes, missBytes },
});

const traffic = (points: TrafficAnswer['points']): TrafficAnswer => ({
  ...{ range: '1h', by: 'total', stepSecs: 60, points },
  ...{ fromUtc: '2026-01-01T00:00:00.000Z', toUtc: '2026-01-01T00:04:30.000Z' },
});

describe('ratesOf()', () => {
  test('has a value for every whole step, none for the one under way', () => {
    const rates = ratesOf(traffic([point(1, '', 6_000, 1_500), point(4, '', 1, 1)]));
    expect(rates.times).toHaveLength(4);
    expect(rates.out).toEqual([0, 1_000, 0, 0]);
    expect(rates.in).toEqual([0, 200, 0, 0]);
    expect(rates.share).toEqual([null, 0.8, null, null]);
  });
});

describe('volumesOf()', () => {
  test('stacks the classes, the largest at the foot', () => {
    const { classes, times } = volumesOf(
      traffic([point(0, 'small', 1, 1), point(0, 'large', 8, 2), point(3, 'large', 5, 5)]),
      5,
    );
    expect(times).toHaveLength(5);
    expect(classes.map(({ label, total }) => [label, total])).toEqual([
      ['large', 20],
      ['small', 2],
    ]);
    expect(classes[1]?.stacked).toEqual([12, 0, 0, 10, 0]);
  });

  test('gathers steps into as many columns as there may be', () => {
    const { classes, times } = volumesOf(traffic([point(0, 'a', 1, 0), point(1, 'a', 2, 0), point(4, 'a', 4, 0)]), 2);
    expect(times).toHaveLength(2);
    expect(classes[0]?.own).toEqual([3, 4]);
  });
});

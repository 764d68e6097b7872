import { expect, test } from '@jest/globals';
import { Figures, liveLine } from './figures.ts';
import { Latency } from './latency.ts';

test('Latency gives quantiles within an eighth of an octave', () => {
  const latency = new Latency();
  expect(latency.quantileMs(0.99)).toBe(0);
  for (let ms = 1; ms <= 1_000; ms += 1) latency.add(ms);
  expect(latency.count).toBe(1_000);
  expect(latency.quantileMs(0.5)).toBeGreaterThanOrEqual(500);
  expect(latency.quantileMs(0.5)).toBeLessThan(550);
  expect(latency.quantileMs(1)).toBe(1_000);
  latency.add(1e12);
  expect(latency.maxMs).toBe(1e12);
  latency.clear();
  expect([latency.count, latency.maxMs, latency.quantileMs(1)]).toEqual([0, 0, 0]);
});

test('the live line tells rates since the one before', () => {
  const figures = new Figures();
  const before = figures.summary(20, 10);
  Object.assign(figures, { messagesAcked: 50, connects: 20, connections: 19, connectionsWanted: 20 });
  expect(liveLine(figures.summary(20, 12), before)).toBe(
    '12 s | 20 nodes | 19/20 connected (10/s, 0 lost) | 25 msg/s, ack p99 0 ms | 0 applied',
  );
});

import { describe, expect, test } from '@jest/globals';
import { nextCleanupMs, planImageCleanup } from './cleanup-plan.ts';
import type { ImageUsage } from './image-file.ts';

const DAY = 24 * 60 * 60 * 1000;
const NOW = 1000 * DAY;
const image = (id: string, daysAgo: number) => ({ id, reference: `r/${id}`, lastUsedMs: NOW - daysAgo * DAY });
const plan = (usage: ImageUsage, inUse: string[] = []) =>
  planImageCleanup({ usage, inUse: new Set(inUse), nowMs: NOW, ageMs: 7 * DAY });

describe('planImageCleanup()', () => {
  test('removes what is old and unused, and only that', () => {
    const usage = { pulled: [image('old', 8), image('young', 6), image('edge', 7)], modules: {} };
    const { remove, next } = plan(usage);
    expect(remove.map(({ id }) => id)).toEqual(['old', 'edge']);
    expect(next.pulled.map(({ id }) => id)).toEqual(['young']);
  });

  test('an image of any container stays and starts its wait anew', () => {
    const { remove, next } = plan({ pulled: [image('a', 30)], modules: {} }, ['a']);
    expect(remove).toEqual([]);
    expect(next.pulled).toEqual([{ ...image('a', 0) }]);
  });

  test('present and previous version of a module stay, the one before goes', () => {
    const usage = {
      pulled: [image('v1', 30), image('v2', 30), image('v3', 30)],
      modules: { MCC: { current: 'v3', previous: 'v2' } },
    };
    expect(plan(usage).remove.map(({ id }) => id)).toEqual(['v1']);
  });

  test('a stamp in the future does not keep an image for ever', () => {
    const { remove, next } = plan({ pulled: [image('a', -5000)], modules: {} });
    expect(remove).toEqual([]);
    expect(next.pulled[0]?.lastUsedMs).toBe(NOW);
  });
});

describe('nextCleanupMs()', () => {
  test.each([
    ["before today's time", NOW, 60, DAY, 60 * 60_000],
    ["after today's time", NOW + 2 * 60 * 60_000, 60, DAY, 23 * 60 * 60_000],
    ['at the time itself', NOW, 0, DAY, DAY],
    ['every hour', NOW + 90 * 60_000, 0, 60 * 60_000, 30 * 60_000],
  ])('%s', (_name, now, minute, recurrence, wanted) => {
    expect(nextCleanupMs(now, minute, recurrence)).toBe(wanted);
  });
});

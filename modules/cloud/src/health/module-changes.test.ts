import { describe, expect, test } from '@jest/globals';
import type { ModuleHealth } from '@wayside/protocol';
import { compareModules, type ModuleSnapshot } from './module-changes.ts';

const AT_MS = 1_800_000_000_000;

function health(change: Partial<ModuleHealth> = {}): ModuleHealth {
  return {
    name: 'MCC',
    runtimeStatus: 'running',
    statusDescription: 'running',
    image: 'wayside/cache:1',
    imageHash: 'sha256:1',
    restartCount: 0,
    exitCode: 0,
    lastStartTimeUtc: '2026-01-01T00:00:00Z',
    lastExitTimeUtc: null,
    lastRestartTimeUtc: null,
    nextRetryTimeUtc: null,
    ...change,
  };
}

function known(change: Partial<ModuleHealth> = {}): Map<string, ModuleSnapshot> {
  return new Map([['MCC', { health: health(change), startsSeen: 1, changedAtMs: 5 }]]);
}

describe('compareModules()', () => {
  test('the first message counts the start it tells of', () => {
    const { snapshots, changes } = compareModules(new Map(), [health()], AT_MS);
    expect(snapshots.get('MCC')).toMatchObject({ startsSeen: 1, changedAtMs: AT_MS });
    expect(changes.map((change) => change.text)).toEqual(['MCC appeared: running']);
  });

  test('nothing new is no event and keeps the time of the last change', () => {
    const { snapshots, changes } = compareModules(known(), [health({ statusDescription: 'Up 2 minutes' })], AT_MS);
    expect(changes).toEqual([]);
    expect(snapshots.get('MCC')?.changedAtMs).toBe(5);
  });

  test('a kill and restart between two messages is seen with times, exit code and counts', () => {
    const after = health({
      restartCount: 1,
      exitCode: 137,
      lastStartTimeUtc: '2026-01-01T00:01:05Z',
      lastExitTimeUtc: '2026-01-01T00:01:00Z',
    });
    const { snapshots, changes } = compareModules(known(), [after], AT_MS);
    expect(snapshots.get('MCC')).toMatchObject({ startsSeen: 2, changedAtMs: AT_MS });
    expect(changes[0]?.text).toBe(
      'MCC started at 2026-01-01T00:01:05Z, had ended at 2026-01-01T00:01:00Z with exit code 137, restart count 0 -> 1',
    );
    expect(changes[0]?.details).toMatchObject({ startsSeen: 2, restartCount: 1, exitCode: 137 });
  });

  test('a module in backoff is told with its reason', () => {
    const after = health({ runtimeStatus: 'backoff', statusDescription: 'exit code 1, next try in 10 s' });
    const { changes } = compareModules(known(), [after], AT_MS);
    expect(changes[0]?.text).toBe('MCC running -> backoff (exit code 1, next try in 10 s)');
  });

  test('a countdown in the description is no event', () => {
    const before = known({ runtimeStatus: 'backoff', statusDescription: 'next try in 10 s' });
    const after = health({ runtimeStatus: 'backoff', statusDescription: 'next try in 5 s' });
    expect(compareModules(before, [after], AT_MS).changes).toEqual([]);
  });

  test('a new image and a module that is gone are events', () => {
    expect(compareModules(known(), [health({ image: 'wayside/cache:2' })], AT_MS).changes[0]?.text).toBe(
      'MCC image wayside/cache:1 -> wayside/cache:2',
    );
    const { gone, changes } = compareModules(known(), [], AT_MS);
    expect([gone, changes.map((change) => change.text)]).toEqual([['MCC'], ['MCC is gone']]);
  });
});

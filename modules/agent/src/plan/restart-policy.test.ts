import { describe, expect, test } from '@jest/globals';
import type { RestartPolicy } from '@wayside/protocol';
import { type ModuleHistory, NO_HISTORY, type ObservedModule, type PlanSettings } from './model.ts';
import { coolOffDelayMs, decideRestart } from './restart-policy.ts';

const SETTINGS: PlanSettings = {
  coolOffMs: 10_000,
  coolOffMsMax: 300_000,
  restartCountMax: 20,
  healthyResetMs: 600_000,
  startupGroupWaitMsMax: 120_000,
  waitsForAllPulls: false,
};
const NOW = 1_800_000_000_000;
const LONG_AGO = NOW - 3_600_000;

const container = (change: Partial<ObservedModule>): ObservedModule => ({
  name: 'm',
  image: 'i:1',
  imageHash: '',
  labels: {},
  state: 'running',
  description: '',
  startedAtMs: LONG_AGO,
  ...change,
});
const decide = (policy: RestartPolicy, change: Partial<ObservedModule>, history: Partial<ModuleHistory> = {}) =>
  decideRestart(policy, container(change), { ...NO_HISTORY, ...history }, SETTINGS, NOW);

describe('coolOffDelayMs()', () => {
  test.each([
    [0, 10_000],
    [1, 20_000],
    [2, 40_000],
    [3, 80_000],
    [4, 160_000],
    [5, 300_000],
    [6, 300_000],
    [5000, 300_000],
  ])('after %i restarts is %i ms', (count, ms) => {
    expect(coolOffDelayMs(count, SETTINGS)).toBe(ms);
  });
});

describe('decideRestart() of a container that ended', () => {
  const failed: Partial<ObservedModule> = { state: 'failed', exitCode: 137, exitedAtMs: LONG_AGO };
  const ended: Partial<ObservedModule> = { state: 'stopped', exitCode: 0, exitedAtMs: LONG_AGO };
  test.each<[string, RestartPolicy, Partial<ObservedModule>, Partial<ModuleHistory>, string]>([
    ['exit != 0', 'never', failed, {}, 'none failed'],
    ['exit != 0', 'on-failure', failed, {}, 'start counted'],
    ['exit != 0', 'on-unhealthy', failed, {}, 'start counted'],
    ['exit != 0', 'always', failed, {}, 'start counted'],
    ['exit != 0, 20 restarts', 'on-failure', failed, { restartCount: 20 }, 'none failed'],
    ['exit != 0, 20 restarts', 'on-unhealthy', failed, { restartCount: 20 }, 'none failed'],
    ['exit != 0, 5000 restarts', 'always', failed, { restartCount: 5000 }, 'start counted'],
    ['exit 0', 'never', ended, {}, 'none stopped'],
    ['exit 0 unseen (reboot)', 'on-failure', ended, {}, 'start'],
    ['exit 0 seen', 'on-failure', ended, { completed: true }, 'none stopped'],
    ['exit 0 unseen (reboot)', 'on-unhealthy', ended, {}, 'start'],
    ['exit 0 seen', 'on-unhealthy', ended, { completed: true }, 'none stopped'],
    ['exit 0', 'always', ended, {}, 'start counted'],
    ['never started', 'never', { ...ended, startedAtMs: undefined }, {}, 'start'],
    ['stopped by us, wanted again', 'never', ended, { stoppedOnPurpose: true }, 'start'],
    ['killed by our stop, wanted again', 'on-failure', failed, { stoppedOnPurpose: true, restartCount: 20 }, 'start'],
    ['unknown state', 'always', { state: 'unknown', description: 'x' }, {}, 'none unknown'],
  ])('%s, %s', (_what, policy, observed, history, wanted) => {
    const got = decide(policy, observed, history);
    const text =
      got.action === 'none'
        ? `none ${got.runtimeStatus}`
        : `${got.action}${'countsAsRestart' in got && got.countsAsRestart ? ' counted' : ''}`;
    expect(text).toBe(wanted);
  });

  test('waits out the cool-off, counted from the exit', () => {
    const got = decide('always', { state: 'failed', exitCode: 1, exitedAtMs: NOW - 9_999 });
    expect(got).toMatchObject({ action: 'wait', runtimeStatus: 'backoff', untilMs: NOW + 1 });
    expect(decide('always', { state: 'failed', exitCode: 1, exitedAtMs: NOW - 10_000 }).action).toBe('start');
    expect(
      decide('always', { state: 'failed', exitCode: 1, exitedAtMs: NOW - 10_000 }, { restartCount: 1 }),
    ).toMatchObject({
      untilMs: NOW + 10_000,
    });
  });

  test('restarts at once when the clock was set back behind the exit', () => {
    expect(decide('always', { state: 'failed', exitCode: 1, exitedAtMs: NOW + 60_000 }).action).toBe('start');
  });
});

describe('decideRestart() of a running container', () => {
  test.each<[RestartPolicy, string]>([
    ['never', 'none'],
    ['on-failure', 'none'],
    ['on-unhealthy', 'restart'],
    ['always', 'restart'],
  ])('unhealthy, %s: %s', (policy, action) => {
    const got = decide(policy, { health: 'unhealthy' });
    expect(got.action).toBe(action);
    if (got.action === 'none') expect(got.runtimeStatus).toBe('unhealthy');
  });
  test.each([undefined, 'starting', 'healthy'] as const)('health %s is running', (health) => {
    expect(decide('always', { health })).toEqual({ action: 'none', runtimeStatus: 'running', why: '' });
  });
  test('unhealthy again soon after a restart waits for the back-off', () => {
    const got = decide('always', { health: 'unhealthy', startedAtMs: NOW - 30_000 }, { restartCount: 2 });
    expect(got).toMatchObject({ action: 'wait', runtimeStatus: 'unhealthy', untilMs: NOW + 10_000 });
  });
  test('unhealthy on-unhealthy is given up after the maximum, always is not', () => {
    expect(decide('on-unhealthy', { health: 'unhealthy' }, { restartCount: 20 }).action).toBe('none');
    expect(decide('always', { health: 'unhealthy' }, { restartCount: 20 }).action).toBe('restart');
  });
});

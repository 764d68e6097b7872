import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import type { AgentHealth, ModuleHealth } from '@wayside/protocol';
import { quietLogger } from '../../test/quiet-logger.ts';
import { HEALTH_CHANGES_MAX, HealthSender } from './health-sender.ts';

const clockStart = new FakeClock().nowMs();
let clock: FakeClock;
let sender: HealthSender;
let sent: AgentHealth[];
let isOffline: boolean;
let stop: AbortController;

const sink = {
  async send(body: string, properties: { [name: string]: string }): Promise<void> {
    if (isOffline) throw new Error('offline');
    expect(properties).toEqual({ messageType: 'health' });
    sent.push(JSON.parse(body));
  },
};
const health = (runtimeStatus: ModuleHealth['runtimeStatus'], restartCount = 0): AgentHealth => ({
  schemaVersion: '1.0',
  atUtc: new Date(clock.nowMs()).toISOString(),
  agentVersion: '0',
  lastDesiredVersion: 1,
  lastDesiredStatus: { code: 200, description: '' },
  modules: [{ name: 'a', runtimeStatus, restartCount } as ModuleHealth],
  daemon: null,
  host: { uptimeSecs: 1, usedCpuPercent: null, usedMemoryBytes: null, totalMemoryBytes: null, disks: [] },
});
const marks = () => sent.map((each) => `${each.modules[0]?.runtimeStatus} ${each.modules[0]?.restartCount}`);

beforeEach(() => {
  clock = new FakeClock(clockStart);
  sender = new HealthSender(clock, quietLogger());
  sent = [];
  isOffline = false;
  stop = new AbortController();
  void sender.run(stop.signal);
});
afterEach(() => stop.abort());

test('at once on a change, else every 15 s', async () => {
  sender.attach(sink);
  sender.update(health('running'));
  await clock.advance(0);
  expect(marks()).toEqual(['running 0']);
  for (let second = 0; second < 14; second += 1) {
    await clock.advance(1_000);
    sender.update(health('running'));
  }
  expect(sent).toHaveLength(1);
  sender.update(health('backoff'));
  await clock.advance(0);
  expect(marks()).toEqual(['running 0', 'backoff 0']);
  await clock.advance(15_000);
  expect(sent).toHaveLength(3);
});

test('a restart of the daemon is a change', async () => {
  sender.attach(sink);
  const daemon = { version: '1', startTimeUtc: '2026-01-01T00:00:00.000Z' };
  sender.update({ ...health('running'), daemon });
  await clock.advance(0);
  sender.update({ ...health('running'), daemon: { ...daemon } });
  await clock.advance(0);
  expect(sent).toHaveLength(1);
  sender.update({ ...health('running'), daemon: { ...daemon, startTimeUtc: '2026-01-01T00:10:00.000Z' } });
  await clock.advance(0);
  expect(sent.map((each) => each.daemon?.startTimeUtc)).toEqual([
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:10:00.000Z',
  ]);
});

test('offline: every change is kept in order, regular messages only as the latest', async () => {
  sender.update(health('running'));
  await clock.advance(60_000);
  sender.update(health('backoff'));
  sender.update(health('running', 1));
  await clock.advance(60_000);
  sender.update({ ...health('running', 1), agentVersion: 'latest' });
  sender.attach(sink);
  await clock.advance(0);
  expect(marks()).toEqual(['running 0', 'backoff 0', 'running 1', 'running 1']);
  expect(sent.at(-1)?.agentVersion).toBe('latest');
});

test('offline for long: the oldest changes go', async () => {
  for (let count = 0; count < HEALTH_CHANGES_MAX + 10; count += 1) sender.update(health('running', count));
  sender.attach(sink);
  await clock.advance(0);
  expect(sent).toHaveLength(HEALTH_CHANGES_MAX);
  expect(marks()[0]).toBe('running 10');
});

test('a message that failed is sent again, not lost and not doubled', async () => {
  isOffline = true;
  sender.attach(sink);
  sender.update(health('backoff'));
  await clock.advance(5_000);
  sender.detach();
  isOffline = false;
  sender.attach(sink);
  await clock.advance(0);
  expect(marks()).toEqual(['backoff 0']);
});

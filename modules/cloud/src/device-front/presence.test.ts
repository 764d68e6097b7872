import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLogger, FakeClock } from '@wayside/kit';
import { openTestStore } from '../../test/store-under-test.ts';
import { insertDevice, readIdentity } from '../identity/identity-rows.ts';
import { PlatformBus } from '../platform-events.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { forgetConnections, Presence } from './presence.ts';

let db: Db;
let commits: CommitGroup;
let presence: Presence;
let events: string[];
const clock = new FakeClock();
beforeEach(async () => {
  const logger = createLogger({ module: 'test', stream: new Writable({ write: (_chunk, _encoding, done) => done() }) });
  db = await openTestStore();
  commits = new CommitGroup(db);
  const bus = new PlatformBus(logger);
  presence = new Presence({ commits, clock, bus, logger });
  events = [];
  bus.on('connection', (event) => events.push(`${event.connected} ${event.reason}`));
  await insertDevice(db, 'd', {}, clock.nowMs());
});
afterEach(() => db.destroy());

const connected = async () => {
  await commits.idle();
  return (await readIdentity(db, 'd'))?.connected;
};

test('the late goodbye of a connection that was taken over changes nothing', async () => {
  presence.connected({ deviceId: 'd' }, 1);
  presence.connected({ deviceId: 'd' }, 2);
  presence.disconnected({ deviceId: 'd' }, 1, 'taken-over');
  expect(await connected()).toBe(1);
  presence.disconnected({ deviceId: 'd' }, 2, 'lost');
  expect(await connected()).toBe(0);
  presence.disconnected({ deviceId: 'd' }, 2, 'lost');
  await commits.idle();
  expect(events).toEqual(['true connected', 'true connected', 'false lost']);
});

test('forgetConnections() clears what an earlier run left', async () => {
  presence.connected({ deviceId: 'd' }, 1);
  expect(await connected()).toBe(1);
  await forgetConnections(db, clock.nowMs());
  expect(await connected()).toBe(0);
});

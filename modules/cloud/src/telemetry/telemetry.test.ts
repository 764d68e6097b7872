// Intake, history and ring together on a store in memory.

import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLogger, FakeClock } from '@wayside/kit';
import { openTestStore } from '../../test/store-under-test.ts';
import { deleteIdentityRows, insertDevice } from '../identity/identity-rows.ts';
import { PlatformBus } from '../platform-events.ts';
import type { Db } from '../store/tables.ts';
import { MESSAGE_BYTES_MAX, TelemetryIntake } from './telemetry-intake.ts';
import { SENDER_TYPES_MAX, TelemetryRing } from './telemetry-ring.ts';
import { readHistory, readNewest } from './telemetry-rows.ts';

const logger = createLogger({ module: 'test', stream: new Writable({ write: (_chunk, _encoding, done) => done() }) });
let db: Db;
let clock: FakeClock;
let bus: PlatformBus;
let intake: TelemetryIntake;
let stored: Set<string>;
beforeEach(async () => {
  db = await openTestStore();
  clock = new FakeClock();
  bus = new PlatformBus(logger);
  stored = new Set();
  intake = new TelemetryIntake({
    ...{ db, clock, bus },
    stored: (deviceIds) => {
      for (const deviceId of deviceIds) stored.add(deviceId);
    },
  });
  for (const deviceId of ['a', 'b']) await insertDevice(db, deviceId, {}, clock.nowMs());
});
afterEach(() => db.destroy());

const message = (deviceId: string, text: string, app: { [name: string]: string } = {}) => ({
  ...{ deviceId, properties: { system: {}, app }, body: Buffer.from(text) },
});
const texts = (messages: { body: Uint8Array }[]) => messages.map((m) => Buffer.from(m.body).toString());

describe('TelemetryIntake', () => {
  test('numbers follow the order of arrival over batches, events come after the commit', async () => {
    const seen: number[] = [];
    const newest: Promise<{ seq: number } | undefined>[] = [];
    bus.on('telemetry', (m) => {
      seen.push(m.seq);
      newest.push(readNewest(db, m.deviceId, '', ''));
    });
    const seqs = await Promise.all(
      Array.from({ length: 2_500 }, (_, n) => intake.add(message(n % 2 ? 'b' : 'a', `${n}`))),
    );
    expect(seqs).toEqual(Array.from({ length: 2_500 }, (_, n) => n + 1));
    expect(seen).toEqual(seqs);
    for (const [index, read] of (await Promise.all(newest)).entries()) {
      expect(read?.seq).toBeGreaterThanOrEqual(seqs[index] ?? 0);
    }
    expect(stored).toEqual(new Set(['a', 'b']));
    expect(texts(await readHistory(db, 'b', { afterSeq: 2_494, limit: 10 }))).toEqual(['2495', '2497', '2499']);
  });

  test('the newest of each type is kept, by type', async () => {
    await Promise.all([
      intake.add(message('a', 'h1', { messageType: 'health' })),
      intake.add(message('a', 'c1', { messageType: 'cacheReport' })),
      intake.add(message('a', 'h2', { messageType: 'health' })),
    ]);
    expect(texts([(await readNewest(db, 'a', '', 'health'))!])).toEqual(['h2']);
    expect(texts([(await readNewest(db, 'a', '', 'cacheReport'))!])).toEqual(['c1']);
    expect(await readNewest(db, 'a', '', '')).toBeUndefined();
  });

  test('a message of exactly the limit is taken, one byte more is not', async () => {
    await intake.add(message('a', 'x'.repeat(MESSAGE_BYTES_MAX)));
    expect(() => intake.add(message('a', 'x'.repeat(MESSAGE_BYTES_MAX - 1), { k: 'v' }))).toThrow(
      expect.objectContaining({ code: 'CLOUD_TELEMETRY_INVALID' }),
    );
  });

  test('a message of a device that was deleted meanwhile is refused and leaves no trace', async () => {
    const seen: string[] = [];
    bus.on('telemetry', (m) => seen.push(m.deviceId));
    const results = await db.transaction().execute(async (trx) => {
      await deleteIdentityRows(trx, 'a', '');
      // Waits for this transaction.
      return ['a', 'b', 'a'].map((id) => [intake.add(message(id, 'late', { messageType: 'health' }))]);
    });
    const outcome = await Promise.allSettled(results.flat());
    expect(outcome.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.code))).toEqual([
      ...['CLOUD_DEVICE_NOT_FOUND', 1, 'CLOUD_DEVICE_NOT_FOUND'],
    ]);
    await insertDevice(db, 'a', {}, clock.nowMs());
    expect(await readNewest(db, 'a', '', 'health')).toBeUndefined();
    expect(await readHistory(db, 'a', { limit: 9 })).toEqual([]);
    expect(seen).toEqual(['b']);
  });

  test('a store that fails fails the senders of that batch', async () => {
    await db.schema.dropTable('last_message').execute();
    await expect(intake.add(message('a', '1'))).rejects.toThrow('last_message');
    expect(await readHistory(db, 'a', { limit: 10 })).toEqual([]);
  });
});

describe('readHistory()', () => {
  test('newest without a bound, oldest with one', async () => {
    for (let n = 0; n < 5; n += 1) {
      await intake.add(message('a', `${n}`));
      await clock.advance(1_000);
    }
    expect(texts(await readHistory(db, 'a', { limit: 2 }))).toEqual(['3', '4']);
    expect(texts(await readHistory(db, 'a', { afterSeq: 0, limit: 2 }))).toEqual(['0', '1']);
    expect(texts(await readHistory(db, 'a', { sinceMs: clock.nowMs() - 2_000, limit: 9 }))).toEqual(['3', '4']);
    expect(await readHistory(db, 'a', { moduleId: 'm', limit: 9 })).toEqual([]);
  });

  test('a page ends at its bytes, too; every message is on one, however large', async () => {
    for (const text of ['a', 'b', 'c']) await intake.add(message('a', text.repeat(1_000)));
    const page = async (filter: object) =>
      texts(await readHistory(db, 'a', { limit: 9, ...filter })).map((text) => text[0]);
    expect(await page({ bytesMax: 2_500 })).toEqual(['b', 'c']);
    expect(await page({ bytesMax: 2_500, afterSeq: 0 })).toEqual(['a', 'b']);
    expect(await page({ bytesMax: 10, afterSeq: 1 })).toEqual(['b']);
    expect(await page({})).toEqual(['a', 'b', 'c']);
  });
});

describe('TelemetryRing', () => {
  test('keeps the newest of each device by count, and drops what is old; last values stay', async () => {
    const ring = new TelemetryRing({ db, clock, logger }, { deviceMessagesMax: 3, messageAgeMsMax: 60_000 });
    await Promise.all(Array.from({ length: 10 }, (_, n) => intake.add(message('a', `${n}`))));
    await intake.add(message('b', 'only'));
    ring.note(['a', 'b']);
    expect(await ring.sweep()).toBe(7);
    expect(texts(await readHistory(db, 'a', { limit: 9 }))).toEqual(['7', '8', '9']);
    expect(await ring.sweep()).toBe(0);
    await clock.advance(60_001);
    expect(await ring.sweep()).toBe(4);
    expect(await readHistory(db, 'b', { limit: 9 })).toEqual([]);
    expect(texts([(await readNewest(db, 'b', '', ''))!])).toEqual(['only']);
    // Numbers are never used again, or a reader that asks "after 11" would miss the next ones.
    expect(await intake.add(message('a', 'next'))).toBe(12);
  });

  test('of a sender that makes up types without end only the newest ones are kept', async () => {
    const ring = new TelemetryRing({ db, clock, logger });
    await intake.add(message('b', 'quiet', { messageType: 'own' }));
    const made = Array.from({ length: SENDER_TYPES_MAX + 20 }, (_, n) => ({ messageType: `t${n}` }));
    for (const app of made) await intake.add(message('a', app.messageType, app));
    ring.note(['a', 'b']);
    await ring.sweep();
    const kept = await db.selectFrom('last_message').select('message_type').where('device_id', '=', 'a').execute();
    expect(kept).toHaveLength(SENDER_TYPES_MAX);
    expect(await readNewest(db, 'a', '', 't19')).toBeUndefined();
    expect(await readNewest(db, 'a', '', 't20')).toBeDefined();
    expect(await readNewest(db, 'b', '', 'own')).toBeDefined();
  });

  test('sweeps by itself until it is stopped', async () => {
    const ring = new TelemetryRing({ db, clock, logger }, { deviceMessagesMax: 1, messageAgeMsMax: 3_600_000 });
    ring.start();
    await Promise.all([intake.add(message('a', '1')), intake.add(message('a', '2'))]);
    ring.note(['a']);
    await clock.advance(30_000);
    await intake.add(message('b', 'after the sweep'));
    expect(texts(await readHistory(db, 'a', { limit: 9 }))).toEqual(['2']);
    await ring.stop();
    expect(clock.sleeping).toBe(0);
  });
});

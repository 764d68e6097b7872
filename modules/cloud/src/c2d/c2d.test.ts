// The queue of a device from sending to its end, over MQTT and by lock, and the feedback of each end.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { DeliveryResult, OutboundMessage } from '@wayside/gateway';
import { FakeClock, silentLogger } from '@wayside/kit';
import { openTestStore } from '../../test/store-under-test.ts';
import { Registry } from '../identity/registry.ts';
import { PlatformBus } from '../platform-events.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { CloudToDevice } from './c2d.ts';

let db: Db;
let commits: CommitGroup;
let clock: FakeClock;
let registry: Registry;
let c2d: CloudToDevice;
/** What the device does with a message; undefined = it does not listen. */
let device: ((message: OutboundMessage) => Promise<DeliveryResult>) | undefined;

beforeEach(async () => {
  db = await openTestStore();
  commits = new CommitGroup(db);
  clock = new FakeClock();
  registry = new Registry({ db, clock, bus: new PlatformBus(silentLogger) });
  await registry.createDevice('d', {});
  device = undefined;
  const gateway = {
    connection: () => ({ session: { subscriptions: device ? { c2d: 1 } : {} } }),
    c2d: (_to: unknown, message: OutboundMessage) => device?.(message) ?? Promise.resolve('gone'),
  } as never;
  c2d = new CloudToDevice({ db, commits, clock, logger: silentLogger, gateway });
});
afterEach(async () => {
  await c2d.stop();
  await commits.idle();
  await db.destroy();
});

const send = (text: string, system: { [name: string]: string } = {}, app: { [name: string]: string } = {}) =>
  c2d.send({ deviceId: 'd', properties: { system, app }, body: Buffer.from(text) });

async function waiting(): Promise<number> {
  return (await c2d.countWaiting(['d'])).get('d') ?? 0;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

async function feedback(): Promise<string[]> {
  const taken = await c2d.takeFeedback();
  if (taken) await c2d.settleFeedback(taken.lockToken, 'complete');
  return (taken?.records ?? []).map((record) => `${record.originalMessageId} ${record.statusCode}`);
}

describe('over MQTT', () => {
  test('messages wait for the device, leave in order with their properties, and go with the PUBACK', async () => {
    await send('1', { messageId: 'm1', correlationId: 'c', ack: 'full' }, { k: 'v' });
    await send('2', { messageId: 'm2', ack: 'positive' });
    await send('3', { messageId: 'm3', ack: 'negative' });
    expect(await waiting()).toBe(3);
    const seen: OutboundMessage[] = [];
    device = async (message) => {
      seen.push(message);
      return 'acked';
    };
    c2d.reachable('d');
    await until(async () => (await waiting()) === 0);
    expect(seen.map((message) => message.body.toString())).toEqual(['1', '2', '3']);
    expect(seen[0]).toMatchObject({
      properties: {
        system: { messageId: 'm1', correlationId: 'c', to: '/devices/d/messages/devicebound', ack: 'full' },
        app: { k: 'v' },
      },
      duplicate: false,
    });
    expect(await feedback()).toEqual(['m1 Success', 'm2 Success']);
    expect(await feedback()).toEqual([]);
  });

  test('a message sent while the device listens goes at once', async () => {
    const seen: string[] = [];
    device = async (message) => {
      seen.push(message.body.toString());
      return 'acked';
    };
    await send('now');
    await until(() => seen.length === 1);
    await until(async () => (await waiting()) === 0);
  });

  test('without a PUBACK it comes again as a duplicate, and is given up after ten deliveries', async () => {
    const duplicates: boolean[] = [];
    let result: DeliveryResult = 'gone';
    device = async (message) => {
      duplicates.push(message.duplicate === true);
      return result;
    };
    await send('x', { messageId: 'x', ack: 'negative' });
    for (let n = 2; n <= 10; n += 1) {
      await until(() => duplicates.length === n - 1);
      // The pump has come to its end when the message is free again.
      await commits.idle();
      await new Promise((resolve) => setImmediate(resolve));
      result = 'timeout';
      c2d.reachable('d');
      await until(() => duplicates.length === n);
    }
    await until(async () => (await waiting()) === 0);
    expect(duplicates).toEqual([false, ...Array<boolean>(9).fill(true)]);
    expect(await feedback()).toEqual(['x DeliveryCountExceeded']);
  });
});

describe('by lock', () => {
  test('one holder at a time; complete, reject and abandon', async () => {
    await send('1', { messageId: 'm1', ack: 'full' });
    await send('2', { messageId: 'm2', ack: 'full' });
    const first = await c2d.receive('d');
    expect(first).toMatchObject({ sequence: 1, deliveryCount: 1, ack: 'full' });
    const second = await c2d.receive('d');
    expect(second?.sequence).toBe(2);
    expect(await c2d.receive('d')).toBeUndefined();
    await c2d.settle('d', first!.lockToken, 'abandon');
    const again = await c2d.receive('d');
    expect(again).toMatchObject({ sequence: 1, deliveryCount: 2 });
    await expect(c2d.settle('d', first!.lockToken, 'complete')).rejects.toMatchObject({ code: 'CLOUD_C2D_LOCK_LOST' });
    await c2d.settle('d', again!.lockToken, 'complete');
    await c2d.settle('d', second!.lockToken, 'reject');
    expect(await waiting()).toBe(0);
    expect(await feedback()).toEqual(['m1 Success', 'm2 Rejected']);
  });

  test('a lock that ran out is lost, and the message free', async () => {
    await send('1');
    const held = await c2d.receive('d', 5);
    await clock.advance(5_001);
    await expect(c2d.settle('d', held!.lockToken, 'complete')).rejects.toMatchObject({ code: 'CLOUD_C2D_LOCK_LOST' });
    expect(await c2d.receive('d')).toMatchObject({ deliveryCount: 2 });
  });
});

describe('ends', () => {
  test('expired ones go by themselves, with feedback', async () => {
    const expiryTimeUtc = new Date(clock.nowMs() + 10_000).toISOString();
    await send('short', { messageId: 'short', ack: 'full', expiryTimeUtc });
    await send('long', { messageId: 'long', ack: 'full' });
    let told = 0;
    c2d.onFeedback(() => {
      told += 1;
    });
    c2d.start();
    for (let n = 0; n < 4; n += 1) {
      await clock.advance(5_000);
      await commits.idle();
    }
    await until(async () => (await waiting()) === 1);
    expect(told).toBeGreaterThan(0);
    expect(await feedback()).toEqual(['short Expired']);
    expect(await c2d.receive('d')).toMatchObject({ sequence: 2 });
  });

  test('purge takes all and says how many', async () => {
    await send('1', { messageId: 'a', ack: 'negative' });
    await send('2');
    await c2d.receive('d');
    expect(await c2d.purge('d')).toBe(2);
    expect(await c2d.purge('d')).toBe(0);
    expect(await feedback()).toEqual(['a Purged']);
  });

  test('with the device everything goes; another of its name begins anew', async () => {
    await send('1');
    await registry.deleteDevice('d', '*');
    await expect(send('2')).rejects.toMatchObject({ code: 'CLOUD_DEVICE_NOT_FOUND' });
    await registry.createDevice('d', {});
    expect(await waiting()).toBe(0);
    expect(await send('3')).toEqual({ sequence: 1 });
  });

  test('feedback that is given back is taken again, all of it', async () => {
    for (let n = 0; n < 3; n += 1) await send(`${n}`, { messageId: `m${n}`, ack: 'full' });
    await c2d.purge('d');
    const taken = await c2d.takeFeedback();
    expect(await c2d.takeFeedback()).toBeUndefined();
    await c2d.settleFeedback(taken!.lockToken, 'release');
    expect(await feedback()).toHaveLength(3);
  });
});

test('fifty wait for a device, not one more, also when they come at once', async () => {
  const results = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => send(`${n}`)));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(50);
  expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({
    code: 'CLOUD_C2D_QUEUE_FULL',
  });
  expect(await waiting()).toBe(50);
});

test.each<[string, { [name: string]: string }, number, string]>([
  ['the ack', { ack: 'some' }, 1, 'iothub-ack is "some"'],
  ['the message id', { messageId: 'a b' }, 1, 'messageId is "a b"'],
  ['the expiry', { expiryTimeUtc: 'soon' }, 1, 'expiryTimeUtc is "soon"'],
  ['the size', {}, 65_537, 'at most 65536'],
])('%s is checked', async (_what, system, bytes, message) => {
  await expect(send('x'.repeat(bytes), system)).rejects.toMatchObject({ message: expect.stringContaining(message) });
});

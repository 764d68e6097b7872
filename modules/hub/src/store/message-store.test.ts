import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import { openHubDatabase } from './hub-database.ts';
import { MessageStore, type StoreOptions } from './message-store.ts';

const START_MS = 1_000_000;
let folder: string;
let clock: FakeClock;
let dropped: string[];
let open: { store: MessageStore; close(): void }[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wayside-store-'));
  clock = new FakeClock(START_MS);
  dropped = [];
  open = [];
});
afterEach(() => {
  for (const { close } of open) close();
  rmSync(folder, { recursive: true, force: true });
});

function aStore(override: Partial<StoreOptions> = {}): MessageStore {
  const db = openHubDatabase(folder, silentLogger);
  const store = new MessageStore(db, {
    endpointBytesMax: 1024 * 1024,
    overflow: 'drop-oldest',
    clock,
    logger: silentLogger,
    onDropped: (reason, endpoint) => void dropped.push(`${reason} ${endpoint}`),
    ...override,
  });
  open.push({
    store,
    close: () => {
      store.close();
      db.close();
    },
  });
  return store;
}
const aMessage = (text: string | Buffer, sender = 'd/m') => ({
  sender,
  source: '/messages',
  properties: { system: {}, app: { a: '1' } },
  body: Buffer.from(text),
  enqueuedAtMs: clock.nowMs(),
});
const place = (queue: string, priority = 5, timeToLiveSecs = 0, endpoint = queue) => ({
  queue,
  endpoint,
  priority,
  timeToLiveSecs,
});
const bodies = (store: MessageStore, queue = 'q') => store.peek(queue, 100).map(({ body }) => body.toString());

describe('MessageStore', () => {
  test('reads by priority, then by age; a message lies once and leaves with its last place', async () => {
    const store = aStore();
    await store.add(aMessage('low'), [place('q', 9)]);
    await store.add(aMessage('a'), [place('q', 1), place('other')]);
    await store.add(aMessage('b'), [place('q', 1)]);
    expect(bodies(store)).toEqual(['a', 'b', 'low']);
    expect(store.peek('q', 1)[0]).toMatchObject({
      sender: 'd/m',
      properties: { app: { a: '1' } },
      enqueuedAtMs: START_MS,
    });
    await store.remove(store.peek('q', 2).map(({ id }) => id));
    expect(bodies(store)).toEqual(['low']);
    expect(bodies(store, 'other')).toEqual(['a']);
    expect(new Map(store.lengths().map(([endpoint, priority, n]) => [`${endpoint} ${priority}`, n]))).toEqual(
      new Map([
        ['q 9', 1],
        ['q 1', 0],
        ['other 5', 1],
      ]),
    );
  });

  test('everything acknowledged is there after a reopening, with its counters', async () => {
    const first = aStore();
    await Promise.all(Array.from({ length: 50 }, (_, n) => first.add(aMessage(String(n)), [place('q')])));
    const bytes = first.bytesOf('q');
    open.pop()!.close();
    const second = aStore();
    expect(bodies(second)).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
    expect(second.bytesOf('q')).toBe(bytes);
    expect(second.queues()).toEqual([{ queue: 'q', endpoint: 'q' }]);
  });

  test('expired messages are passed over at once and removed by expire()', async () => {
    const store = aStore();
    await store.add(aMessage('short'), [place('q', 5, 10)]);
    await store.add(aMessage('long'), [place('q', 5, 100)]);
    await store.add(aMessage('ever'), [place('q', 5, 0)]);
    await clock.advance(10_000);
    expect(bodies(store)).toEqual(['long', 'ever']);
    expect(await store.expire()).toBe(false);
    expect(dropped).toEqual(['ttl_expiry q']);
    expect(store.lengths()).toEqual([['q', 5, 2]]);
  });

  test('a full endpoint drops its oldest, worst priority first; other endpoints are untouched', async () => {
    const store = aStore({ endpointBytesMax: 3000 });
    await store.add(aMessage(Buffer.alloc(1000, 'a')), [place('q1', 1, 0, 'e'), place('x')]);
    await store.add(aMessage(Buffer.alloc(1000, 'b')), [place('q1', 9, 0, 'e')]);
    await store.add(aMessage(Buffer.alloc(1000, 'c')), [place('q2', 1, 0, 'e')]);
    expect(bodies(store, 'q1').map((body) => body[0])).toEqual(['a']);
    expect(bodies(store, 'q2').map((body) => body[0])).toEqual(['c']);
    expect(bodies(store, 'x').map((body) => body[0])).toEqual(['a']);
    expect(dropped).toEqual(['queue_full e']);
    expect(store.bytesOf('e')).toBeLessThanOrEqual(3000);
  });

  test('policy reject refuses the new one alone, and counters stay true', async () => {
    const store = aStore({ endpointBytesMax: 1500, overflow: 'reject' });
    const one = store.add(aMessage(Buffer.alloc(1000)), [place('q')]);
    const two = store.add(aMessage(Buffer.alloc(1000)), [place('free'), place('q')]);
    const three = store.add(aMessage('x'), [place('free')]);
    await expect(two).rejects.toMatchObject({ code: 'HUB_STORE_FULL' });
    await Promise.all([one, three]);
    expect(bodies(store, 'free')).toEqual(['x']);
    expect(store.bytesOf('free')).toBeLessThan(500);
  });

  test('space goes back to the file system when messages leave', async () => {
    const store = aStore({ endpointBytesMax: 64 * 1024 * 1024 });
    await Promise.all(Array.from({ length: 200 }, () => store.add(aMessage(Buffer.alloc(50_000)), [place('q')])));
    const db = (await import('node:sqlite')).DatabaseSync;
    const pages = () => {
      const reader = new db(join(folder, 'hub.db'), { readOnly: true });
      const { page_count } = reader.prepare('PRAGMA page_count').get() as { page_count: number };
      reader.close();
      return page_count;
    };
    const before = pages();
    await store.remove(store.peek('q', 200).map(({ id }) => id));
    await store.add(aMessage('next'), [place('q')]);
    await store.remove(store.peek('q', 1).map(({ id }) => id));
    expect(pages()).toBeLessThan(before / 4);
    expect(statSync(join(folder, 'hub.db')).size).toBeGreaterThan(0);
  });

  test('an endpoint without a route is emptied', async () => {
    const store = aStore();
    await store.add(aMessage('a'), [place('q1', 1, 0, 'e')]);
    await store.add(aMessage('b'), [place('q2', 2, 0, 'e'), place('kept')]);
    expect(await store.deleteEndpoint('e')).toBe(2);
    expect(store.endpoints()).toEqual(['kept']);
    expect(bodies(store, 'kept')).toEqual(['b']);
  });

  test('a listener hears of its queue only, after the commit', async () => {
    const store = aStore();
    const heard: string[] = [];
    store.onAdded('q', () => heard.push(bodies(store).join()));
    await store.add(aMessage('x'), [place('other')]);
    await store.add(aMessage('a'), [place('q')]);
    expect(heard).toEqual(['a']);
  });

  test('after close nothing is taken', async () => {
    const store = aStore();
    store.close();
    await expect(store.add(aMessage('a'), [place('q')])).rejects.toMatchObject({ code: 'HUB_STORE_CLOSED' });
  });
});

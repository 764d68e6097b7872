import { afterEach, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { until } from '../../test/until.ts';
import type { QueuedMessage } from '../store/message-store.ts';
import { type Consumer, type Outcome, QueuePump } from './queue-pump.ts';

/** A queue in memory with the store's face. */
class MemoryQueue {
  items: QueuedMessage[] = [];
  #listener: () => void = () => undefined;
  put(...ids: number[]): void {
    for (const id of ids) {
      this.items.push({
        id,
        priority: 0,
        sender: 'd/m',
        source: '/messages',
        properties: { system: {}, app: {} },
        body: Buffer.from(String(id)),
        enqueuedAtMs: 0,
      });
    }
    this.#listener();
  }
  peek(_queue: string, limit: number): QueuedMessage[] {
    return this.items.slice(0, limit);
  }
  async remove(ids: readonly number[]): Promise<void> {
    this.items = this.items.filter(({ id }) => !ids.includes(id));
  }
  onAdded(_queue: string, listener: () => void): () => void {
    this.#listener = listener;
    return () => undefined;
  }
}

const pumps: QueuePump[] = [];
afterEach(() => Promise.all(pumps.splice(0).map((pump) => pump.stop())));
function aPump(queue: MemoryQueue, consumer: Consumer): QueuePump {
  const pump = new QueuePump('q', queue, consumer, silentLogger);
  pumps.push(pump);
  return pump;
}

test('delivers in order, what was there and what comes', async () => {
  const queue = new MemoryQueue();
  const got: number[] = [];
  queue.put(1, 2);
  const deliver = async ({ id }: { id: number }): Promise<Outcome> => {
    got.push(id);
    return 'delivered';
  };
  aPump(queue, { isReady: () => true, deliver });
  await until(() => queue.items.length === 0, 'the first two');
  queue.put(3);
  await until(() => queue.items.length === 0, 'the third');
  expect(got).toEqual([1, 2, 3]);
});

test('waits for its consumer, and wake() ends the pause after a failure', async () => {
  const queue = new MemoryQueue();
  let ready = false;
  const attempts: string[] = [];
  const outcomes: Outcome[] = ['delivered', 'later', 'refused', 'delivered'];
  const pump = aPump(queue, {
    isReady: () => ready,
    deliver: async ({ id }, duplicate) => {
      attempts.push(`${id}${duplicate ? ' again' : ''}`);
      return outcomes[attempts.length - 1]!;
    },
  });
  queue.put(1, 2, 3);
  await new Promise((resolve) => setImmediate(resolve));
  expect(attempts).toEqual([]);
  ready = true;
  pump.wake();
  await until(() => attempts.length === 3, 'the first batch');
  pump.wake();
  await until(() => queue.items.length === 0, 'the repetition');
  expect(attempts).toEqual(['1', '2', '3', '2 again']);
});

test('a consumer that never answers holds only its own queue', async () => {
  const [stuck, free] = [new MemoryQueue(), new MemoryQueue()];
  let release = (_outcome: Outcome) => {};
  aPump(stuck, {
    isReady: () => true,
    deliver: () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  });
  aPump(free, { isReady: () => true, deliver: async () => 'delivered' });
  stuck.put(1);
  free.put(...Array.from({ length: 200 }, (_, n) => n));
  await until(() => free.items.length === 0, 'the free queue');
  expect(stuck.items).toHaveLength(1);
  release('delivered');
  await until(() => stuck.items.length === 0, 'the released one');
});

// Moves one queue: reads the first messages, delivers several at a time in order, removes what was taken, tries the rest again.
//
// INVARIANTS: a message leaves the queue only after its delivery was acknowledged or given up for good; after a failed one the batch is
// read again from the top, so order is kept and a better priority goes first; no other queue is touched or waited for.

import { backoffDelayMs, describeError, type Logger } from '@wayside/kit';
import type { MessageStore, QueuedMessage } from '../store/message-store.ts';
import { Wake } from './wake.ts';

/** delivered and refused leave the queue; later is tried again. */
export type Outcome = 'delivered' | 'refused' | 'later';

export interface Consumer {
  isReady(): boolean;
  /** Called in order; `duplicate` when an earlier attempt may have arrived. Must not reject. */
  deliver(message: QueuedMessage, duplicate: boolean): Promise<Outcome>;
}

/** Messages under way at once. */
const WINDOW_MAX = 64;
const RETRY_MS_BASE = 200;
const RETRY_MS_MAX = 60_000;

export class QueuePump {
  readonly queue: string;
  readonly #store: Pick<MessageStore, 'peek' | 'remove' | 'onAdded'>;
  readonly #consumer: Consumer;
  readonly #logger: Logger;
  readonly #wake = new Wake();
  readonly #unsubscribe: () => void;
  /** Rows that were sent before without an acknowledgement. */
  #attempted = new Set<number>();
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(
    queue: string,
    store: Pick<MessageStore, 'peek' | 'remove' | 'onAdded'>,
    consumer: Consumer,
    logger: Logger,
  ) {
    this.queue = queue;
    this.#store = store;
    this.#consumer = consumer;
    this.#logger = logger;
    this.#unsubscribe = store.onAdded(queue, () => this.#wake.ring());
    this.#done = this.#run();
  }

  /** The consumer may have become ready. */
  wake(): void {
    this.#wake.ring();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#wake.ring();
    await this.#done;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      try {
        const moved = this.#consumer.isReady() ? await this.#moveBatch() : 'nothing';
        if (moved === 'nothing') await this.#wake.sleep();
        failures = moved === 'failed' ? failures + 1 : 0;
      } catch (error) {
        failures++;
        this.#logger.error('Queue stands still', { queue: this.queue, error: describeError(error) });
      }
      // A wake-up ends the pause: the consumer came back.
      if (failures > 0)
        await this.#wake.sleep(backoffDelayMs({ attempt: failures - 1, baseMs: RETRY_MS_BASE, maxMs: RETRY_MS_MAX }));
    }
  }

  async #moveBatch(): Promise<'nothing' | 'moved' | 'failed'> {
    const batch = this.#store.peek(this.queue, WINDOW_MAX);
    if (batch.length === 0) return 'nothing';
    const outcomes = await Promise.all(
      batch.map((message) => this.#consumer.deliver(message, this.#attempted.has(message.id))),
    );
    const left = batch.filter((_, index) => outcomes[index] === 'later');
    this.#attempted = new Set(left.map((message) => message.id));
    await this.#store.remove(batch.filter((_, index) => outcomes[index] !== 'later').map((message) => message.id));
    return left.length === 0 ? 'moved' : 'failed';
  }
}

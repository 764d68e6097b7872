// Feedback on its way to one back end: as many messages as it gave credit for, each its records' lock until it is settled.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Delivery, Sender } from 'rhea';
import type { CloudToDevice } from '../c2d/c2d.ts';
import { feedbackMessage } from './amqp-message.ts';

/** Records that come together leave together. */
const GATHER_MS = 200;
/** Records that another replica wrote are looked for this often. */
const LOOK_MS = 5_000;
const UNSETTLED_MESSAGES_MAX = 10;

export class FeedbackLink {
  private readonly parts: { c2d: CloudToDevice; clock: Clock; logger: Logger; hubName: string };
  private readonly sender: Sender;
  private readonly locks = new Map<Delivery, string>();
  private readonly closed = new AbortController();
  private news = Promise.withResolvers<void>();
  private readonly unlisten: () => void;

  constructor(parts: { c2d: CloudToDevice; clock: Clock; logger: Logger; hubName: string }, sender: Sender) {
    this.parts = parts;
    this.sender = sender;
    this.unlisten = parts.c2d.onFeedback(() => this.news.resolve());
    void this.run();
  }

  /** Credit came. */
  wake(): void {
    this.news.resolve();
  }

  settled(delivery: Delivery, how: 'complete' | 'release'): void {
    const lockToken = this.locks.get(delivery);
    if (lockToken === undefined) return;
    this.locks.delete(delivery);
    this.settle(lockToken, how);
    this.news.resolve();
  }

  /** What was not settled goes to whoever asks next. */
  close(): void {
    if (this.closed.signal.aborted) return;
    this.closed.abort();
    this.unlisten();
    this.news.resolve();
    for (const lockToken of this.locks.values()) this.settle(lockToken, 'release');
    this.locks.clear();
  }

  private async run(): Promise<void> {
    const { clock, logger } = this.parts;
    const { signal } = this.closed;
    while (!signal.aborted) {
      this.news = Promise.withResolvers();
      let more = false;
      try {
        more = this.canSend() && (await this.sendOne());
      } catch (error) {
        logger.error('Feedback waits', { error: describeError(error) });
      }
      if (more) continue;
      const slept = new AbortController();
      const look = clock.sleep(LOOK_MS, AbortSignal.any([slept.signal, signal])).catch(() => undefined);
      await Promise.race([this.news.promise, look]);
      slept.abort();
      await clock.sleep(GATHER_MS, signal).catch(() => undefined);
    }
  }

  private canSend(): boolean {
    return this.sender.is_open() && this.sender.sendable() && this.locks.size < UNSETTLED_MESSAGES_MAX;
  }

  private async sendOne(): Promise<boolean> {
    const taken = await this.parts.c2d.takeFeedback();
    if (!taken) return false;
    if (this.closed.signal.aborted || !this.canSend()) {
      this.settle(taken.lockToken, 'release');
      return false;
    }
    const message = feedbackMessage(taken.records, taken.createdAtMs, this.parts.hubName);
    this.locks.set(this.sender.send(message), taken.lockToken);
    return true;
  }

  private settle(lockToken: string, how: 'complete' | 'release'): void {
    this.parts.c2d
      .settleFeedback(lockToken, how)
      .catch((error) => this.parts.logger.error('Cannot settle feedback', { error: describeError(error) }));
  }
}

// Sends health every period and at once on a change. Offline only the latest regular message is kept, and a bounded list of changes.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { AgentHealth } from '@wayside/protocol';
import { changeMark } from './health-message.ts';

const HEALTH_PERIOD_MS = 15_000;
/** Changes kept while offline; the oldest goes first. About 100 x 4 KiB of memory. */
export const HEALTH_CHANGES_MAX = 100;

export interface HealthSink {
  send(body: string, properties: { [name: string]: string }): Promise<void>;
}

export class HealthSender {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #periodMs: number;
  #sink: HealthSink | undefined;
  #mark = '';
  /** Messages of changes, oldest first. */
  #changes: AgentHealth[] = [];
  #latest: AgentHealth | undefined;
  #isLatestDue = false;
  #sending: Promise<void> | undefined;
  #dropped = 0;

  constructor(clock: Clock, logger: Logger, periodMs: number = HEALTH_PERIOD_MS) {
    this.#clock = clock;
    this.#logger = logger;
    this.#periodMs = periodMs;
  }

  attach(sink: HealthSink): void {
    this.#sink = sink;
    this.#isLatestDue = true;
    this.#pump();
  }

  detach(): void {
    this.#sink = undefined;
  }

  /** The state as it is now. A change is queued to be sent at once. */
  update(health: AgentHealth): void {
    this.#latest = health;
    const mark = changeMark(health);
    if (mark === this.#mark) return;
    this.#mark = mark;
    this.#changes.push(health);
    if (this.#changes.length > HEALTH_CHANGES_MAX) {
      this.#changes.shift();
      this.#dropped += 1;
    }
    this.#pump();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(this.#periodMs, signal).catch(() => undefined);
      this.#isLatestDue = true;
      this.#pump();
    }
  }

  #pump(): void {
    if (!this.#sink) return;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    await Promise.resolve();
    for (let sink = this.#sink; sink; sink = this.#sink) {
      const change = this.#changes[0];
      const next = change ?? (this.#isLatestDue ? this.#latest : undefined);
      if (!next) return;
      const isSent = await this.#send(sink, next);
      // Kept until the hub has it; the next period or connection tries again.
      if (!isSent) return;
      if (change === undefined) this.#isLatestDue = false;
      else {
        if (this.#changes[0] === change) this.#changes.shift();
        if (change === this.#latest) this.#isLatestDue = false;
      }
    }
  }

  async #send(sink: HealthSink, health: AgentHealth): Promise<boolean> {
    try {
      await sink.send(JSON.stringify(health), { messageType: 'health' });
      if (this.#dropped > 0) this.#logger.warn('Changes of state were dropped while offline', { count: this.#dropped });
      this.#dropped = 0;
      return true;
    } catch (error) {
      this.#logger.debug('Health message cannot be sent', { error: describeError(error) });
      return false;
    }
  }
}

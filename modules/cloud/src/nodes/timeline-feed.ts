// The timeline as all replicas write it, told to the listeners of this one: read from the store in the order of seq, none left out.

import { describeError, type Logger } from '@wayside/kit';
import type { Replicas } from '../replicas/replicas.ts';
import type { NodeDb } from './tables.ts';
import type { TimelineEvent } from './timeline.ts';

const PAGE = 500;

interface FeedParts {
  db: NodeDb;
  replicas: Replicas;
  logger: Logger;
  read(page: { after: number; limit: number }): Promise<TimelineEvent[]>;
  tell(events: readonly TimelineEvent[]): void;
}

export class TimelineFeed {
  readonly #parts: FeedParts;
  #after: number;
  #isBehind = false;
  #reading = false;

  private constructor(parts: FeedParts, after: number) {
    this.#parts = parts;
    this.#after = after;
  }

  /** From now on. */
  static async open(parts: FeedParts): Promise<TimelineFeed> {
    const row = await parts.db
      .selectFrom('node_event')
      .select((of) => of.fn.max('seq').as('seq'))
      .executeTakeFirst();
    const feed = new TimelineFeed(parts, row?.seq ?? 0);
    parts.replicas.on('events', () => void feed.#pump());
    parts.replicas.onGap(() => void feed.#pump());
    return feed;
  }

  /** This replica committed events. */
  grew(): void {
    this.#parts.replicas.publish('events', ['']);
    void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#isBehind = true;
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#isBehind) {
        this.#isBehind = false;
        for (let page = await this.#next(); page.length > 0; page = page.length < PAGE ? [] : await this.#next()) {
          this.#parts.tell(page);
        }
      }
    } catch (error) {
      this.#parts.logger.error('Cannot read the timeline for its readers', { error: describeError(error) });
    } finally {
      this.#reading = false;
    }
  }

  async #next(): Promise<TimelineEvent[]> {
    const page = await this.#parts.read({ after: this.#after, limit: PAGE });
    this.#after = page.at(-1)?.seq ?? this.#after;
    return page;
  }
}

// Many small writers, one commit: jobs that arrive while a transaction is being written share the next one and its disk sync.
//
// INVARIANTS
// - A job's promise settles after the commit that holds its writes, never before.
// - Jobs run in the order they came, one at a time; a job sees the writes of those before it.
// - A job that throws has written nothing (it checks first): only its own caller sees the error.
// - A failure of the commit fails every job of the group.

import type { Db } from './tables.ts';

/** Jobs in one transaction: bounds the time other writers wait for the connection. */
const GROUP_JOBS_MAX = 256;

interface Job {
  run(trx: Db): Promise<void>;
  commit(): void;
  fail(error: unknown): void;
}

export class CommitGroup {
  private readonly db: Db;
  private queue: Job[] = [];
  private running: Promise<void> | undefined;

  constructor(db: Db) {
    this.db = db;
  }

  /** Runs `write` in the next shared transaction. */
  run<T>(write: (trx: Db) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.queue.push({
        run: async (trx) => {
          result = await write(trx);
        },
        commit: () => resolve(result),
        fail: reject,
      });
      this.running ??= this.drain();
    });
  }

  /** Resolves when nothing is queued or running. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private async drain(): Promise<void> {
    while (this.queue.length > 0) {
      // The store is synchronous: without a turn of the event loop between groups, callers that never pause would starve every
      // socket and timer. It also gathers what all readable sockets bring into one group.
      await new Promise((resolve) => setImmediate(resolve));
      await this.commitJobs(this.queue.splice(0, GROUP_JOBS_MAX));
    }
    this.running = undefined;
  }

  private async commitJobs(jobs: Job[]): Promise<void> {
    const done: Job[] = [];
    try {
      await this.db.transaction().execute(async (trx) => {
        for (const job of jobs) {
          try {
            await job.run(trx);
            done.push(job);
          } catch (error) {
            job.fail(error);
          }
        }
      });
    } catch (error) {
      for (const job of done) job.fail(error);
      return;
    }
    for (const job of done) job.commit();
  }
}

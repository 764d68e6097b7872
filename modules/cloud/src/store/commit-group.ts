// Many small writers, one commit: jobs that arrive while a transaction is being written share the next one and its disk sync.
//
// INVARIANTS
// - A job's promise settles after the commit that holds its writes, never before.
// - Jobs of one key run in the order they came, one at a time; a job sees the writes of those of its key before it.
// - A job that throws has written nothing (it checks first): only its own caller sees the error.
// - A failure of the commit fails every job of the group. On PostgreSQL a statement that fails ends the whole transaction: then the
//   group's jobs run again, each on its own, so that only the one at fault fails. A job may therefore run more than once.

import { engineOf, type StoreEngine } from './engine.ts';
import { parallelTransaction } from './postgres-dialect.ts';
import type { Db } from './tables.ts';
import { isStatementError, retryConflicts } from './write-order.ts';

/** Jobs in one transaction: bounds the time other writers wait for the connection. */
const GROUP_JOBS_MAX = 256;
/** Groups that are written at once: SQLite has one connection, on PostgreSQL the disk syncs of several share their time. */
const LANES: { readonly [engine in StoreEngine]: number } = { sqlite: 1, postgres: 4 };

interface Job {
  run(trx: Db): Promise<() => void>;
  fail(error: unknown): void;
}

export class CommitGroup {
  private readonly lanes: CommitLane[];

  constructor(db: Db) {
    this.lanes = Array.from({ length: LANES[engineOf(db)] }, () => new CommitLane(db));
  }

  /** Runs `write` in the next shared transaction of its key. Beside it transactions of other keys run: it holds the rows it reads first. */
  run<T>(write: (trx: Db) => Promise<T>, key = ''): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.lanes[laneOf(key, this.lanes.length)]!.add({
        run: async (trx) => {
          const result = await write(trx);
          return () => resolve(result);
        },
        fail: reject,
      });
    });
  }

  /** Resolves when nothing is queued or running. */
  async idle(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.idle()));
  }
}

class CommitLane {
  private readonly db: Db;
  private readonly queue: Job[] = [];
  private running: Promise<void> | undefined;

  constructor(db: Db) {
    this.db = db;
  }

  add(job: Job): void {
    this.queue.push(job);
    this.running ??= this.drain();
  }

  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private async drain(): Promise<void> {
    while (this.queue.length > 0) {
      // SQLite is synchronous: without a turn of the event loop between groups, callers that never pause would starve every
      // socket and timer. It also gathers what all readable sockets bring into one group.
      await new Promise((resolve) => setImmediate(resolve));
      await this.commitJobs(this.queue.splice(0, GROUP_JOBS_MAX));
    }
    this.running = undefined;
  }

  private async commitJobs(jobs: Job[]): Promise<void> {
    let settle: (() => void)[];
    try {
      settle = await retryConflicts(() => parallelTransaction(this.db).execute((trx) => runJobs(trx, jobs)));
    } catch (error) {
      if (jobs.length > 1 && isStatementError(error)) {
        for (const job of jobs) await this.commitJobs([job]);
      } else {
        for (const job of jobs) job.fail(error);
      }
      return;
    }
    for (const tell of settle) tell();
  }
}

/** What to tell the callers when the transaction is committed. Throws when a statement ended it. */
async function runJobs(trx: Db, jobs: Job[]): Promise<(() => void)[]> {
  const settle: (() => void)[] = [];
  for (const job of jobs) {
    try {
      settle.push(await job.run(trx));
    } catch (error) {
      if (isStatementError(error)) throw error;
      settle.push(() => job.fail(error));
    }
  }
  return settle;
}

function laneOf(key: string, lanes: number): number {
  let hash = 0;
  for (let at = 0; at < key.length; at += 1) hash = (hash * 31 + key.charCodeAt(at)) >>> 0;
  return hash % lanes;
}

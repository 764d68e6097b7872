// Gathers the writes of one turn of the event loop into one transaction: a commit costs a disk sync, a hundred writes share it.
//
// INVARIANTS: work runs in the order it was handed in; a promise resolves only after the COMMIT of its work; one failing piece of work
// fails alone (savepoint), a failing COMMIT fails all of its turn.

import type { DatabaseSync } from 'node:sqlite';
import { EdgeError, transaction } from '@wayside/kit';

interface Work {
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export interface CommitHooks {
  committed(): void;
  /** One piece of work (or `all` of a turn) was rolled back. Called before committed() and before any promise settles. */
  rolledBack(all: boolean): void;
}

export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #hooks: CommitHooks;
  #waiting: Work[] = [];
  #scheduled = false;
  #closed = false;
  #failed = false;

  constructor(db: DatabaseSync, hooks: CommitHooks) {
    this.#db = db;
    this.#hooks = hooks;
  }

  /** `write` is synchronous and runs inside a transaction. Resolves with its result when that is on disk. */
  commit<T>(write: () => T): Promise<T> {
    if (this.#closed) {
      return Promise.reject(
        new EdgeError('HUB_STORE_CLOSED', 'Cannot store: the hub is closing', { retry: 'backoff' }),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ run: write, resolve: resolve as (value: unknown) => void, reject });
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.flush());
    }
    return promise;
  }

  /** Commits what waits, now. */
  flush(): void {
    this.#scheduled = false;
    const works = this.#waiting;
    if (works.length === 0) return;
    this.#waiting = [];
    const outcomes: (() => void)[] = [];
    try {
      transaction(this.#db, () => {
        for (const work of works) outcomes.push(this.#attempt(work));
      });
    } catch (error) {
      this.#hooks.rolledBack(true);
      for (const work of works) work.reject(error);
      return;
    }
    if (this.#failed) {
      this.#failed = false;
      this.#hooks.rolledBack(false);
    }
    for (const settle of outcomes) settle();
    this.#hooks.committed();
  }

  #attempt(work: Work): () => void {
    try {
      const value = transaction(this.#db, () => work.run());
      return () => work.resolve(value);
    } catch (error) {
      this.#failed = true;
      return () => work.reject(error);
    }
  }

  close(): void {
    this.flush();
    this.#closed = true;
  }
}

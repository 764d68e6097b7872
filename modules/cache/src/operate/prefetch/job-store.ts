// Prefetch jobs and their URLs in SQLite beside the objects of a drive: a restart goes on where the last one ended.

import type { DatabaseSync } from 'node:sqlite';
import { type Logger, openDatabase, transaction } from '@wayside/kit';
import type { ManifestEntry } from './manifest.ts';
import type { FetchResult } from './object-fetch.ts';
import type { PrefetchRequest } from './prefetch-request.ts';

/** Jobs kept, the finished ones included: the oldest of these make room. */
export const JOBS_MAX = 200;
/** URLs of all jobs together. */
export const JOB_URLS_MAX = 300_000;

const MIGRATIONS = [
  `CREATE TABLE job (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     state TEXT NOT NULL,
     request TEXT NOT NULL,
     by TEXT NOT NULL,
     created_ms INTEGER NOT NULL,
     started_ms INTEGER,
     finished_ms INTEGER,
     reason TEXT NOT NULL DEFAULT '',
     has_list INTEGER NOT NULL
   );
   CREATE TABLE item (
     job INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
     n INTEGER NOT NULL,
     url TEXT NOT NULL,
     expected_bytes INTEGER,
     state TEXT NOT NULL DEFAULT 'waiting',
     size_bytes INTEGER,
     fetched_bytes INTEGER NOT NULL DEFAULT 0,
     tries INTEGER NOT NULL DEFAULT 0,
     reason TEXT NOT NULL DEFAULT '',
     PRIMARY KEY (job, n)
   ) WITHOUT ROWID;
   CREATE INDEX item_state ON item (job, state, tries);`,
];

export type JobState = 'waiting' | 'running' | 'done' | 'cancelled' | 'failed';

export interface JobRow {
  seq: number;
  id: string;
  state: JobState;
  /** Without the entries, which are items. */
  request: Omit<PrefetchRequest, 'entries'>;
  by: string;
  createdAtMs: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  reason: string;
  /** false: the list behind manifestUrl was not fetched yet. */
  hasList: boolean;
}

export interface ItemRow {
  n: number;
  url: string;
  expectedBytes: number | null;
  state: 'waiting' | FetchResult['state'];
  sizeBytes: number | null;
  fetchedBytes: number;
  tries: number;
  reason: string;
}

export type Progress = Record<ItemRow['state'], number> & { urls: number; fetchedBytes: number };

const JOB_COLUMNS = `seq, id, state, request, by, created_ms AS createdAtMs, started_ms AS startedAtMs,
  finished_ms AS finishedAtMs, reason, has_list AS hasList`;
const ITEM_COLUMNS =
  'n, url, expected_bytes AS expectedBytes, state, size_bytes AS sizeBytes, fetched_bytes AS fetchedBytes, tries, reason';

export class JobStore {
  readonly #db: DatabaseSync;

  constructor(path: string, logger: Logger) {
    // Nothing of it is mapped: on a drive that dies that would end the process.
    this.#db = openDatabase(path, { migrations: MIGRATIONS, synchronous: 'full', exclusive: true, logger });
  }

  /** Makes a job; on disk when it returns. */
  add(id: string, { entries, ...request }: PrefetchRequest, by: string, nowMs: number): JobRow {
    transaction(this.#db, () => {
      const { lastInsertRowid } = this.#db
        .prepare('INSERT INTO job (id, state, request, by, created_ms, has_list) VALUES (?, ?, ?, ?, ?, ?)')
        .run(id, 'waiting', JSON.stringify(request), by, nowMs, request.manifestUrl === null ? 1 : 0);
      this.#addItems(Number(lastInsertRowid), entries);
    });
    return this.find(id) as JobRow;
  }

  #addItems(seq: number, entries: readonly ManifestEntry[]): void {
    const insert = this.#db.prepare('INSERT INTO item (job, n, url, expected_bytes) VALUES (?, ?, ?, ?)');
    for (const [n, { url, sizeBytes }] of entries.entries()) insert.run(seq, n, url, sizeBytes);
  }

  /** The list of a job that had only the address of one; a former one is replaced. */
  setList(seq: number, entries: readonly ManifestEntry[]): void {
    transaction(this.#db, () => {
      this.#db.prepare('DELETE FROM item WHERE job = ?').run(seq);
      this.#addItems(seq, entries);
      this.#db.prepare('UPDATE job SET has_list = 1 WHERE seq = ?').run(seq);
    });
  }

  /** Every URL is to be looked at again; the list too where it lies at an origin. */
  renew(seq: number): void {
    transaction(this.#db, () => {
      this.#db
        .prepare("UPDATE item SET state = 'waiting', tries = 0, reason = '', fetched_bytes = 0 WHERE job = ?")
        .run(seq);
      this.#db
        .prepare(
          `UPDATE job SET state = 'waiting', started_ms = NULL, finished_ms = NULL, reason = '',
             has_list = (json_extract(request, '$.manifestUrl') IS NULL) WHERE seq = ?`,
        )
        .run(seq);
    });
  }

  find(id: string): JobRow | undefined {
    const raw = this.#db.prepare(`SELECT ${JOB_COLUMNS} FROM job WHERE id = ?`).get(id);
    return raw === undefined ? undefined : toJob(raw);
  }

  /** Newest first. */
  list(limit: number): JobRow[] {
    return this.#db.prepare(`SELECT ${JOB_COLUMNS} FROM job ORDER BY seq DESC LIMIT ?`).all(limit).map(toJob);
  }

  /** Jobs that are not over, oldest first. */
  open(): JobRow[] {
    return this.#db
      .prepare(`SELECT ${JOB_COLUMNS} FROM job WHERE state IN ('waiting', 'running') ORDER BY seq`)
      .all()
      .map(toJob);
  }

  setState(seq: number, state: JobState, nowMs: number, reason = ''): void {
    const isOver = state !== 'waiting' && state !== 'running';
    this.#db
      .prepare(
        `UPDATE job SET state = ?, reason = ?, started_ms = CASE WHEN ? = 'running' THEN COALESCE(started_ms, ?) ELSE started_ms END,
           finished_ms = ? WHERE seq = ?`,
      )
      .run(state, reason, state, nowMs, isOver ? nowMs : null, seq);
  }

  /** The next URLs to be fetched, those that were tried least first. */
  next(seq: number, limit: number): ItemRow[] {
    return this.#db
      .prepare(`SELECT ${ITEM_COLUMNS} FROM item WHERE job = ? AND state = 'waiting' ORDER BY tries, n LIMIT ?`)
      .all(seq, limit) as unknown as ItemRow[];
  }

  settle(seq: number, n: number, { state, sizeBytes, fetchedBytes, reason }: FetchResult): void {
    this.#db
      .prepare(
        'UPDATE item SET state = ?, size_bytes = ?, fetched_bytes = fetched_bytes + ?, tries = tries + 1, reason = ? WHERE job = ? AND n = ?',
      )
      .run(state, sizeBytes, fetchedBytes, reason, seq, n);
  }

  /** It may go better another time. */
  noteTry(seq: number, n: number, reason: string): void {
    this.#db.prepare('UPDATE item SET tries = tries + 1, reason = ? WHERE job = ? AND n = ?').run(reason, seq, n);
  }

  items(seq: number, offset: number, limit: number): ItemRow[] {
    return this.#db
      .prepare(`SELECT ${ITEM_COLUMNS} FROM item WHERE job = ? ORDER BY n LIMIT ? OFFSET ?`)
      .all(seq, limit, offset) as unknown as ItemRow[];
  }

  progress(seq: number): Progress {
    const progress: Progress = {
      urls: 0,
      fetchedBytes: 0,
      waiting: 0,
      stored: 0,
      present: 0,
      unstored: 0,
      refused: 0,
      failed: 0,
    };
    const rows = this.#db
      .prepare('SELECT state, COUNT(*) AS count, SUM(fetched_bytes) AS bytes FROM item WHERE job = ? GROUP BY state')
      .all(seq) as { state: ItemRow['state']; count: number; bytes: number }[];
    for (const { state, count, bytes } of rows) {
      progress[state] = count;
      progress.urls += count;
      progress.fetchedBytes += bytes;
    }
    return progress;
  }

  totals(): { jobs: number; urls: number; openJobs: number; waitingUrls: number } {
    return this.#db
      .prepare(
        `SELECT (SELECT COUNT(*) FROM job) AS jobs, (SELECT COUNT(*) FROM item) AS urls,
           (SELECT COUNT(*) FROM job WHERE state IN ('waiting', 'running')) AS openJobs,
           (SELECT COUNT(*) FROM item JOIN job ON job.seq = item.job
             WHERE job.state IN ('waiting', 'running') AND item.state = 'waiting') AS waitingUrls`,
      )
      .get() as never;
  }

  remove(seq: number): void {
    this.#db.prepare('DELETE FROM job WHERE seq = ?').run(seq);
  }

  /** Finished jobs go, oldest first, until there is room for one with so many URLs. Answers whether there is. */
  makeRoom(urls: number): boolean {
    for (;;) {
      const totals = this.totals();
      if (totals.jobs < JOBS_MAX && totals.urls + urls <= JOB_URLS_MAX) return true;
      const oldest = this.#db
        .prepare(
          "SELECT seq FROM job WHERE state NOT IN ('waiting', 'running') AND id NOT LIKE 'twin-%' ORDER BY seq LIMIT 1",
        )
        .get() as { seq: number } | undefined;
      if (oldest === undefined) return false;
      this.remove(oldest.seq);
    }
  }

  close(): void {
    this.#db.close();
  }
}

function toJob(raw: Record<string, unknown>): JobRow {
  const { request, hasList, ...rest } = raw as { request: string; hasList: number };
  return { ...rest, request: JSON.parse(request), hasList: hasList === 1 } as JobRow;
}

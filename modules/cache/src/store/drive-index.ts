// The index of one drive: objects and their chunk pages in SQLite, on the drive itself, so that a drive carries its content with it.
// synchronous=NORMAL: a power cut may lose the last commits and data pages; the CRC of each chunk tells what survived.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Logger, openDatabase, transaction } from '@wayside/kit';
import type { ChunkPage } from './chunk-map.ts';
import type { EvictionCandidate, EvictionQueue } from './sieve.ts';

const MIGRATIONS = [
  `CREATE TABLE object (
     id INTEGER PRIMARY KEY,
     key TEXT NOT NULL UNIQUE,
     size_bytes INTEGER NOT NULL,
     stored_bytes INTEGER NOT NULL,
     filling INTEGER NOT NULL,
     meta TEXT NOT NULL
   );
   CREATE INDEX object_filling ON object (id) WHERE filling = 1;
   CREATE TABLE page (
     object_id INTEGER NOT NULL,
     page INTEGER NOT NULL,
     present BLOB NOT NULL,
     crcs BLOB NOT NULL,
     PRIMARY KEY (object_id, page)
   ) WITHOUT ROWID;`,
];

export interface ObjectRow {
  id: number;
  key: string;
  sizeBytes: number;
  storedBytes: number;
  /** A transfer may have been writing when the row was saved: what lies on disk is at least storedBytes. */
  filling: boolean;
  /** JSON of ObjectMeta. */
  meta: string;
}

export interface IndexChange {
  saved: { row: ObjectRow; pages: ChunkPage[] }[];
  removedIds: number[];
}

interface RawRow {
  id: number;
  key: string;
  size_bytes: number;
  stored_bytes: number;
  filling: number;
  meta: string;
}

export class DriveIndex implements EvictionQueue {
  readonly #db: DatabaseSync;
  readonly #byKey: StatementSync;
  readonly #pages: StatementSync;
  readonly #next: StatementSync;
  readonly #upsert: StatementSync;
  readonly #upsertPage: StatementSync;
  readonly #removeObject: StatementSync;
  readonly #removePages: StatementSync;
  readonly #exists: StatementSync;

  constructor(path: string, logger: Logger) {
    const db = openDatabase(path, { migrations: MIGRATIONS, synchronous: 'normal', logger });
    this.#db = db;
    // The pages of 64 MiB of index: look-ups of a large store stay in memory.
    db.exec('PRAGMA cache_size = -65536');
    this.#byKey = db.prepare('SELECT * FROM object WHERE key = ?');
    this.#pages = db.prepare('SELECT page, present, crcs FROM page WHERE object_id = ?');
    this.#next = db.prepare('SELECT id, stored_bytes FROM object WHERE id > ? ORDER BY id LIMIT 1');
    this.#upsert = db.prepare(
      `INSERT INTO object (id, key, size_bytes, stored_bytes, filling, meta) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET stored_bytes = excluded.stored_bytes, filling = excluded.filling, meta = excluded.meta`,
    );
    this.#upsertPage = db.prepare('INSERT OR REPLACE INTO page (object_id, page, present, crcs) VALUES (?, ?, ?, ?)');
    this.#removeObject = db.prepare('DELETE FROM object WHERE id = ?');
    this.#removePages = db.prepare('DELETE FROM page WHERE object_id = ?');
    this.#exists = db.prepare('SELECT 1 AS found FROM object WHERE id = ?');
  }

  find(key: string): ObjectRow | undefined {
    const raw = this.#byKey.get(key) as RawRow | undefined;
    if (raw === undefined) return undefined;
    const { id, size_bytes, stored_bytes, filling, meta } = raw;
    return { id, key, sizeBytes: size_bytes, storedBytes: stored_bytes, filling: filling === 1, meta };
  }

  pages(id: number): ChunkPage[] {
    return this.#pages.all(id) as unknown as ChunkPage[];
  }

  has(id: number): boolean {
    return this.#exists.get(id) !== undefined;
  }

  nextAfter(after: number): EvictionCandidate | undefined {
    const raw = this.#next.get(after) as { id: number; stored_bytes: number } | undefined;
    return raw === undefined ? undefined : { id: raw.id, storedBytes: raw.stored_bytes };
  }

  /** Sum of stored bytes, number of objects, highest id. */
  totals(): { storedBytes: number; objects: number; maxId: number } {
    const raw = this.#db
      .prepare(
        'SELECT COALESCE(SUM(stored_bytes), 0) AS bytes, COUNT(*) AS objects, COALESCE(MAX(id), 0) AS max_id FROM object',
      )
      .get() as { bytes: number; objects: number; max_id: number };
    return { storedBytes: raw.bytes, objects: raw.objects, maxId: raw.max_id };
  }

  /** Objects that were being filled when the process ended. */
  interrupted(): { id: number; storedBytes: number }[] {
    const rows = this.#db.prepare('SELECT id, stored_bytes FROM object WHERE filling = 1').all();
    return (rows as { id: number; stored_bytes: number }[]).map((r) => ({ id: r.id, storedBytes: r.stored_bytes }));
  }

  settleInterrupted(id: number, storedBytes: number): void {
    this.#db.prepare('UPDATE object SET filling = 0, stored_bytes = ? WHERE id = ?').run(storedBytes, id);
  }

  /** All or nothing. Removals come first: a new version of an object has the key of the removed one. */
  apply(change: IndexChange): void {
    transaction(this.#db, () => {
      for (const id of change.removedIds) {
        this.#removePages.run(id);
        this.#removeObject.run(id);
      }
      for (const { row, pages } of change.saved) {
        this.#upsert.run(row.id, row.key, row.sizeBytes, row.storedBytes, row.filling ? 1 : 0, row.meta);
        for (const { page, present, crcs } of pages) this.#upsertPage.run(row.id, page, present, crcs);
      }
    });
  }

  close(): void {
    this.#db.close();
  }
}

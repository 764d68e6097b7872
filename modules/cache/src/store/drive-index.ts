// The index of one drive: objects and their chunk pages in SQLite, on the drive itself, so that a drive carries its content with it.
// synchronous=NORMAL: what was committed outlives the process, whatever kills it (the kernel has it). A power cut may lose the last
// commits and data pages; the CRC of each chunk tells what survived.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Logger, openDatabase, transaction } from '@wayside/kit';
import { CHUNKS_PER_PAGE, type ChunkPage, chunkCount } from './chunk-map.ts';
import { INDEX_MIGRATIONS } from './index-schema.ts';
import { IndexSelection, type SelectedRow, type Selection } from './index-selection.ts';
import type { EvictionCandidate, EvictionQueue, SieveChange } from './sieve.ts';
import type { LivePlace } from './slabs/slab-files.ts';
import type { BitPage } from './visited-bits.ts';

/** Rows read ahead of the eviction hand and of the scrubber. */
const ROWS_AHEAD = 256;
/** Rows of small objects that a sweep reads at a time. */
const ROWS_OF_PLACES = 1000;
/** Pages of the database's cache, KiB: look-ups of a large store stay in memory. */
const CACHE_KIB = 64 * 1024;
/** A larger index is not checked whole at the start, which would take 5 ms for each MiB: what is damaged is found out on use. */
const CHECKED_BYTES_MAX = 4 * 1024 * 1024;
/** The log is cut back to this after a checkpoint: it counts against the cap. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;

const SQLITE_CORRUPT = 11;

export interface ObjectRow {
  id: number;
  key: string;
  sizeBytes: number;
  storedBytes: number;
  /** A transfer may have been writing when the row was saved: what lies on disk is at least storedBytes. */
  filling: boolean;
  /** JSON of ObjectMeta. */
  meta: string;
  /** Of a small object's body (slab-files.ts); null: it has a file of its own. */
  place: number | null;
  /** Of the response (cache-tags.ts). */
  tags?: readonly string[];
}

/** What the scrubber needs of an object. */
export interface ScrubRow {
  id: number;
  key: string;
  sizeBytes: number;
  place: number | null;
}

export interface IndexChange {
  saved: { row: ObjectRow; pages: ChunkPage[] }[];
  removedIds: Iterable<number>;
  sieve?: SieveChange;
}

export interface IndexTotals {
  storedBytes: number;
  objects: number;
  maxId: number;
}

/** Single values that are kept with the objects. */
export type StateName = 'stored_bytes' | 'objects' | 'hand' | 'clean' | 'scrub_id' | 'scrub_pass_at';

interface RawRow {
  id: number;
  key: string;
  size_bytes: number;
  stored_bytes: number;
  filling: number;
  meta: string;
  place: number | null;
}

export class DriveIndex implements EvictionQueue {
  readonly #db: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;
  readonly #selection: IndexSelection;
  #ahead: EvictionCandidate[] = [];
  #objects: number;
  #storedBytes: number;

  /** Throws the errors of kit's openDatabase(); a damaged database is set aside by it. */
  constructor(path: string, logger: Logger) {
    const db = openDatabase(path, {
      ...{ migrations: INDEX_MIGRATIONS, synchronous: 'normal', exclusive: true, logger },
      checkedBytesMax: CHECKED_BYTES_MAX,
    });
    this.#db = db;
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`);
    this.#statements = prepareAll(db);
    this.#selection = new IndexSelection(db);
    this.#objects = this.state('objects');
    this.#storedBytes = this.state('stored_bytes');
  }

  find(key: string): ObjectRow | undefined {
    const raw = this.#statements.byKey.get(key) as RawRow | undefined;
    if (raw === undefined) return undefined;
    // The key was found in the table's index; where the two differ, the row is another object's.
    if (raw.key !== key) throw damaged(`the row of "${key}" is of "${raw.key}"`);
    const { id, size_bytes, stored_bytes, filling, meta, place } = raw;
    return { id, key, sizeBytes: size_bytes, storedBytes: stored_bytes, filling: filling === 1, meta, place };
  }

  /** The stored chunk pages of an object. */
  pages(id: number, sizeBytes: number): ChunkPage[] {
    const count = chunkCount(sizeBytes);
    if (count <= CHUNKS_PER_PAGE) {
      const raw = this.#statements.inline.get(id) as { chunks: Uint8Array | null } | undefined;
      if (raw?.chunks) return [{ page: 0, ...splitChunks(raw.chunks, count) }];
    }
    return this.#statements.pages.all(id) as unknown as ChunkPage[];
  }

  /** An object with a file of its own. */
  hasFile(id: number): boolean {
    const raw = this.#statements.place.get(id) as { place: number | null } | undefined;
    return raw !== undefined && raw.place === null;
  }

  /** Where a small object's body lies; undefined for another one, or none. */
  small(id: number): { place: number; sizeBytes: number } | undefined {
    const raw = this.#statements.place.get(id) as { place: number | null; size_bytes: number } | undefined;
    return raw === undefined || raw.place === null ? undefined : { place: raw.place, sizeBytes: raw.size_bytes };
  }

  /** Small objects with id > after, in order of arrival. */
  places(after: number): LivePlace[] {
    const rows = this.#statements.places.all(after, ROWS_OF_PLACES) as {
      id: number;
      place: number;
      size_bytes: number;
    }[];
    return rows.map((raw) => ({ id: raw.id, place: raw.place, sizeBytes: raw.size_bytes }));
  }

  nextAfter(after: number): EvictionCandidate | undefined {
    for (;;) {
      // Sorted by id: what lies behind the hand is of no use any more.
      while (this.#ahead.length > 0 && (this.#ahead.at(-1) as EvictionCandidate).id <= after) this.#ahead.pop();
      const next = this.#ahead.at(-1);
      if (next !== undefined) return next;
      const rows = this.#statements.next.all(after, ROWS_AHEAD) as { id: number; stored_bytes: number }[];
      if (rows.length === 0) return undefined;
      this.#ahead = rows.map((raw) => ({ id: raw.id, storedBytes: raw.stored_bytes })).reverse();
    }
  }

  /** Objects with id > after, in order of arrival. */
  scrubRows(after: number): ScrubRow[] {
    const rows = this.#statements.scrub.all(after, ROWS_AHEAD) as unknown as RawRow[];
    return rows.map(({ id, key, size_bytes, place }) => ({ id, key, sizeBytes: size_bytes, place }));
  }

  /** Up to `limit` objects that a selection names, with id > after, in order of id. */
  select(selection: Selection, after: number, limit: number): SelectedRow[] {
    return this.#selection.rows(selection, after, limit);
  }

  /** Kept with every commit: a store of a million objects is not counted at its start. */
  totals(): IndexTotals {
    const { max_id: maxId } = this.#statements.maxId.get() as { max_id: number };
    return { storedBytes: this.#storedBytes, objects: this.#objects, maxId };
  }

  /** Objects that were being filled when the process ended. */
  interrupted(): { id: number; storedBytes: number }[] {
    const rows = this.#db.prepare('SELECT id, stored_bytes FROM object WHERE filling = 1').all();
    return (rows as { id: number; stored_bytes: number }[]).map((r) => ({ id: r.id, storedBytes: r.stored_bytes }));
  }

  settleInterrupted(found: readonly { id: number; storedBytes: number }[]): void {
    if (found.length === 0) return;
    const update = this.#db.prepare('UPDATE object SET filling = 0, stored_bytes = ? WHERE id = ?');
    this.#change(() => {
      for (const { id, storedBytes } of found) {
        this.#storedBytes += storedBytes - (this.#storedBytesOf(id) ?? 0);
        update.run(storedBytes, id);
      }
    });
  }

  /** All or nothing. Removals come first: a new version of an object has the key of the removed one. */
  apply(change: IndexChange): void {
    const { removeObject, removePages } = this.#statements;
    this.#change(() => {
      for (const id of change.removedIds) {
        removePages.run(id);
        this.#selection.removeTags(id);
        const gone = removeObject.get(id) as { stored_bytes: number } | undefined;
        if (gone === undefined) continue;
        this.#objects -= 1;
        this.#storedBytes -= gone.stored_bytes;
      }
      for (const { row, pages } of change.saved) this.#save(row, pages);
      if (change.sieve !== undefined) this.#saveSieve(change.sieve);
    });
    this.#ahead = [];
  }

  #save(row: ObjectRow, pages: readonly ChunkPage[]): void {
    const { upsert, upsertPage } = this.#statements;
    const before = this.#storedBytesOf(row.id);
    if (before === undefined) this.#objects += 1;
    this.#storedBytes += row.storedBytes - (before ?? 0);
    const [page] = pages;
    const isInline = page !== undefined && chunkCount(row.sizeBytes) <= CHUNKS_PER_PAGE;
    const inline = isInline ? Buffer.concat([page.present, page.crcs]) : null;
    const { id, key, sizeBytes, storedBytes, filling, meta, place } = row;
    upsert.run(id, key, sizeBytes, storedBytes, filling ? 1 : 0, meta, inline, place);
    if (row.tags !== undefined) this.#selection.saveTags(id, row.tags);
    if (isInline) return;
    for (const { page: number, present, crcs } of pages) upsertPage.run(id, number, present, crcs);
  }

  #saveSieve({ hand, pages }: SieveChange): void {
    const { setState, setVisited, removeVisited } = this.#statements;
    setState.run('hand', hand);
    for (const { page, bits } of pages) {
      if (bits === null) removeVisited.run(page);
      else setVisited.run(page, bits);
    }
  }

  #storedBytesOf(id: number): number | undefined {
    return (this.#statements.storedBytes.get(id) as { stored_bytes: number } | undefined)?.stored_bytes;
  }

  /** One transaction that leaves the totals as they are on disk, whether it succeeds or not. */
  #change(fn: () => void): void {
    const { setState } = this.#statements;
    const [objects, storedBytes] = [this.#objects, this.#storedBytes];
    try {
      transaction(this.#db, () => {
        fn();
        if (this.#objects !== objects) setState.run('objects', this.#objects);
        if (this.#storedBytes !== storedBytes) setState.run('stored_bytes', this.#storedBytes);
      });
    } catch (error) {
      [this.#objects, this.#storedBytes] = [objects, storedBytes];
      throw error;
    }
  }

  /** Hand and bits of the eviction as last saved. */
  sieve(): SieveChange {
    const pages = this.#db.prepare('SELECT page, bits FROM visited').all() as unknown as BitPage[];
    return { hand: this.state('hand'), pages };
  }

  /** 0 when it was never set. */
  state(name: StateName): number {
    return (this.#statements.state.get(name) as { value: number } | undefined)?.value ?? 0;
  }

  setState(values: { readonly [name in StateName]?: number }): void {
    transaction(this.#db, () => {
      for (const [name, value] of Object.entries(values)) this.#statements.setState.run(name, value ?? 0);
    });
  }

  close(): void {
    this.#db.close();
  }
}

/** As SQLite itself says it, so that the index is set aside. */
function damaged(what: string): Error {
  return Object.assign(new Error(`Index is damaged: ${what}`), { errcode: SQLITE_CORRUPT });
}

/** `chunks` of a small object: the bits of what is there, then the CRCs. */
function splitChunks(chunks: Uint8Array, count: number): { present: Uint8Array; crcs: Uint8Array } {
  const bits = Math.ceil(count / 8);
  return { present: chunks.subarray(0, bits), crcs: chunks.subarray(bits) };
}

function prepareAll(db: DatabaseSync) {
  return {
    byKey: db.prepare('SELECT id, key, size_bytes, stored_bytes, filling, meta, place FROM object WHERE key = ?'),
    inline: db.prepare('SELECT chunks FROM object WHERE id = ?'),
    pages: db.prepare('SELECT page, present, crcs FROM page WHERE object_id = ?'),
    next: db.prepare('SELECT id, stored_bytes FROM object WHERE id > ? ORDER BY id LIMIT ?'),
    scrub: db.prepare('SELECT id, key, size_bytes, place FROM object WHERE id > ? ORDER BY id LIMIT ?'),
    place: db.prepare('SELECT place, size_bytes FROM object WHERE id = ?'),
    places: db.prepare(
      'SELECT id, place, size_bytes FROM object WHERE id > ? AND place IS NOT NULL ORDER BY id LIMIT ?',
    ),
    maxId: db.prepare('SELECT COALESCE(MAX(id), 0) AS max_id FROM object'),
    storedBytes: db.prepare('SELECT stored_bytes FROM object WHERE id = ?'),
    upsert: db.prepare(
      `INSERT INTO object (id, key, size_bytes, stored_bytes, filling, meta, chunks, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET stored_bytes = excluded.stored_bytes, filling = excluded.filling, meta = excluded.meta,
         chunks = COALESCE(excluded.chunks, chunks)`,
    ),
    upsertPage: db.prepare('INSERT OR REPLACE INTO page (object_id, page, present, crcs) VALUES (?, ?, ?, ?)'),
    removeObject: db.prepare('DELETE FROM object WHERE id = ? RETURNING stored_bytes'),
    removePages: db.prepare('DELETE FROM page WHERE object_id = ?'),
    state: db.prepare('SELECT value FROM state WHERE name = ?'),
    setState: db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)'),
    setVisited: db.prepare('INSERT OR REPLACE INTO visited (page, bits) VALUES (?, ?)'),
    removeVisited: db.prepare('DELETE FROM visited WHERE page = ?'),
  } satisfies Record<string, StatementSync>;
}

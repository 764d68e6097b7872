// What changed on one drive and is not yet in its index; written together, so that a commit's cost is shared (group commit).
//
// INVARIANT: an object that was told to onStored, or awaited by committed(), is in the index with all its chunks, and stays there when the
// process is killed.

import type { CacheObject } from './cache-object.ts';
import { tagsOf } from './cache-tags.ts';
import type { DriveIndex } from './drive-index.ts';
import { isOutOfSpace } from './drive-issue.ts';
import type { Sieve } from './sieve.ts';

/** Changes wait this long before they are written to the index together. */
const FLUSH_INTERVAL_MS = 100;
/** After this many changes nobody waits any longer: one commit stays short for the event loop. */
const FLUSH_CHANGES_MAX = 2000;
/** Eviction bits and the hand are written this often; a crash costs so much of them. */
const SIEVE_SAVE_INTERVAL_MS = 30_000;
/** Commits in a row without room on the file system, after which the drive is taken out. */
const FULL_COMMITS_MAX = 10;

export interface IndexLogDeps {
  index(): DriveIndex | null;
  sieve(): Sieve;
  live: ReadonlyMap<number, CacheObject>;
  /** What is to be put right about an object before it is written. */
  beforeSave(object: CacheObject): void;
  /** The index cannot be written. */
  onFailure(error: unknown): void;
  /** The index has no room to grow; content has to go. */
  onOutOfSpace(): void;
}

export class IndexLog {
  readonly #deps: IndexLogDeps;
  readonly #dirty = new Set<CacheObject>();
  readonly #removed = new Set<number>();
  readonly #waiting: ((isCommitted: boolean) => void)[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sieveSavedAtMs = performance.now();
  #fullCommits = 0;
  /** Told after the commit about each complete object in it. */
  onStored: (object: CacheObject) => void = () => {};

  constructor(deps: IndexLogDeps) {
    this.#deps = deps;
  }

  isRemoved(id: number): boolean {
    return this.#removed.has(id);
  }

  markDirty(object: CacheObject): void {
    if (object.isObsolete) return;
    object.isDirty = true;
    this.#dirty.add(object);
    this.#schedule();
  }

  remove(id: number, object?: CacheObject): void {
    if (object !== undefined) this.#dirty.delete(object);
    this.#removed.add(id);
    this.#schedule();
  }

  /** Resolves once all changes up to now are in the index: true; false when they cannot be. */
  committed(): Promise<boolean> {
    if (this.#deps.index() === null) return Promise.resolve(false);
    if (this.#dirty.size === 0 && this.#removed.size === 0) return Promise.resolve(true);
    this.#schedule();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #schedule(): void {
    // While the drive is out nothing can be written; what was removed goes when it is back.
    if (this.#deps.index() === null) return;
    if (this.#dirty.size + this.#removed.size === FLUSH_CHANGES_MAX && this.#timer !== null) {
      // Soon, but not at once: the caller may be in the middle of a change.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.flush(), 0);
    }
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_INTERVAL_MS);
  }

  /** Writes all changes to the index in one transaction. */
  flush(isLast = false): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const index = this.#deps.index();
    if (index === null) return;
    const isSieveDue = isLast || performance.now() - this.#sieveSavedAtMs >= SIEVE_SAVE_INTERVAL_MS;
    if (this.#dirty.size === 0 && this.#removed.size === 0 && !isSieveDue) {
      this.#answer(true);
      return;
    }
    const objects = [...this.#dirty];
    for (const object of objects) this.#deps.beforeSave(object);
    const saved = objects.map((object) => ({ row: rowOf(object), pages: pagesOf(object) }));
    try {
      index.apply({ saved, removedIds: this.#removed, ...(isSieveDue ? { sieve: this.#takeSieve() } : {}) });
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#fullCommits = 0;
    this.#dirty.clear();
    this.#removed.clear();
    for (const object of objects) {
      object.isDirty = false;
      object.dirtyPages.clear();
    }
    for (const object of objects) if (object.chunks.isComplete) this.onStored(object);
    this.#answer(true);
  }

  #takeSieve(): ReturnType<Sieve['takeChanges']> {
    const { live } = this.#deps;
    const sieve = this.#deps.sieve();
    this.#sieveSavedAtMs = performance.now();
    for (const object of live.values()) if (object.state.takeVisit()) sieve.visit(object.id);
    return sieve.takeChanges();
  }

  #failed(error: unknown): void {
    this.#fullCommits += 1;
    if (!isOutOfSpace(error) || this.#fullCommits >= FULL_COMMITS_MAX) {
      this.#deps.onFailure(error);
      return;
    }
    // Everything stays noted and is tried again once files are gone.
    this.#deps.onOutOfSpace();
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_INTERVAL_MS);
  }

  #answer(isCommitted: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(isCommitted);
  }

  /**
   * The drive went out: what was to be saved is lost with it. What was removed stays noted, so that nothing that was replaced or purged
   * comes back with the drive; ids are never given twice.
   */
  forget(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#fullCommits = 0;
    this.#dirty.clear();
    this.#answer(false);
  }
}

function rowOf(object: CacheObject) {
  return {
    id: object.id,
    key: object.key,
    sizeBytes: object.sizeBytes,
    storedBytes: object.storedBytes,
    filling: object.work?.isActive === true,
    meta: JSON.stringify(object.meta),
    place: object.isSmall ? object.place : null,
    tags: tagsOf(object.meta.headers),
  };
}

function pagesOf(object: CacheObject) {
  return [...object.dirtyPages].map((page) => object.chunks.page(page));
}

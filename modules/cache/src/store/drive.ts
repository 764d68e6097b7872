// One cache drive: its cap, its files, its index, its health. Never holds more than its cap, evicts by SIEVE, and can be taken out at run time.

import { statSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { describeError, type Logger } from '@wayside/kit';
import type { CacheObject } from './cache-object.ts';
import { DriveFiles } from './drive-files.ts';
import { DriveIndex } from './drive-index.ts';
import { type DriveIssue, driveIssueOf } from './drive-issue.ts';
import { Sieve } from './sieve.ts';

/** Files are counted in blocks of this size, as the file system allots them. */
const BLOCK_BYTES = 4096;
/** Changes wait this long before they are written to the index together. */
const INDEX_FLUSH_INTERVAL_MS = 100;
/** I/O errors after which a drive is taken out; a single bad sector costs one object only. */
const IO_ERRORS_MAX = 5;

export class Drive {
  readonly path: string;
  readonly capBytes: number;
  readonly sieve = new Sieve();
  /** Threads that may use its objects, the engine included. */
  stateSlots = 1;
  issue: DriveIssue | null = null;
  issueText = '';
  evictedObjects = 0;
  #index: DriveIndex | null = null;
  #usedBytes = 0;
  #indexBytes = 0;
  #nextId = 1;
  #startedAtMs = 0;
  #ioErrors = 0;
  #dirty = new Set<CacheObject>();
  #removed = new Set<number>();
  /** Objects in memory, by id: pinned ones are not evicted. */
  readonly live = new Map<number, CacheObject>();
  #flushTimer: NodeJS.Timeout | null = null;
  #room: Promise<unknown> = Promise.resolve();
  readonly #files: DriveFiles;
  readonly #logger: Logger;
  onEvict: (key: string) => void = () => {};

  constructor(path: string, capBytes: number, logger: Logger) {
    this.path = path;
    this.#files = new DriveFiles(path);
    this.capBytes = capBytes;
    this.#logger = logger;
  }

  get isUp(): boolean {
    return this.#index !== null;
  }

  get usedBytes(): number {
    return this.#usedBytes + this.#indexBytes;
  }

  get index(): DriveIndex {
    if (this.#index === null) throw new Error(`Drive ${this.path} is out`);
    return this.#index;
  }

  objectPath(id: number): string {
    return this.#files.objectPath(id);
  }

  /** Opens or re-opens the drive. Returns false with `issue` set when it cannot be used. */
  start(): boolean {
    if (this.#index !== null) return true;
    try {
      this.#files.prepare(this.capBytes);
      const index = new DriveIndex(this.#files.indexPath, this.#logger);
      this.#index = index;
      this.#startedAtMs = Date.now();
      this.#settleInterrupted(index);
      const { storedBytes, maxId } = index.totals();
      this.#usedBytes = storedBytes;
      // A drive that comes back must not give an id twice: a slow reader may still have the file of the first one open.
      this.#nextId = Math.max(this.#nextId, maxId + 1);
      this.#indexBytes = this.#files.indexBytes(this.capBytes);
      this.#ioErrors = 0;
      this.issue = null;
      this.issueText = '';
      return true;
    } catch (error) {
      this.#setIssue(error);
      this.#index?.close();
      this.#index = null;
      return false;
    }
  }

  /** Counts what a killed process may have written without saying so. */
  #settleInterrupted(index: DriveIndex): void {
    for (const { id, storedBytes } of index.interrupted()) {
      let bytes = 0;
      try {
        bytes = statSync(this.objectPath(id)).blocks * 512;
      } catch {
        // No file: the look-up will find that out and drop the row.
      }
      index.settleInterrupted(id, Math.max(bytes, storedBytes));
    }
  }

  #setIssue(error: unknown): void {
    this.issue = driveIssueOf(error);
    this.issueText = describeError(error);
    this.#logger.error('Cache drive is out', {
      code: 'CACHE_DRIVE_FAILED',
      path: this.path,
      issue: this.issue,
      reason: this.issueText,
    });
  }

  /** Takes the drive out: its objects are gone for new requests, everything else serves on. */
  fail(error: unknown): void {
    if (this.#index === null) return;
    this.#setIssue(error);
    const index = this.#index;
    this.#index = null;
    this.#dirty.clear();
    this.#removed.clear();
    for (const object of [...this.live.values()]) {
      object.setObsolete();
      this.onEvict(object.key);
      object.work?.cancel(error instanceof Error ? error : new Error('drive failed'));
      if (object.uses === 0) object.closeFile();
    }
    this.live.clear();
    try {
      index.close();
    } catch {
      // The database may be as broken as the drive.
    }
  }

  /** Counts an I/O error of one object; too many, or one that concerns the whole drive, take the drive out. */
  noteError(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    // A full disk and a file that was evicted meanwhile say nothing about the drive; probe() sees one that is gone.
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'ENOENT') return;
    this.#ioErrors += 1;
    if (['EROFS', 'ENODEV', 'ENXIO', 'ESTALE'].includes(code) || this.#ioErrors >= IO_ERRORS_MAX) this.fail(error);
  }

  /** Looks at the drive itself: still there, writable, and the same one. Brings a failed drive back when it works again. */
  async probe(): Promise<void> {
    if (this.#index === null) {
      if (this.start()) this.#logger.info('Cache drive is back', { path: this.path });
      return;
    }
    try {
      await this.#files.probe();
      this.#indexBytes = this.#files.indexBytes(this.capBytes);
    } catch (error) {
      this.fail(error);
    }
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  isRemoved(id: number): boolean {
    return this.#removed.has(id);
  }

  /**
   * Makes room for chunks [from, to) of an object before they are written. Evicts others; false when that is not enough.
   * Reservations run one after another, so that the cap holds at every moment.
   */
  reserve(object: CacheObject, from: number, to: number): Promise<boolean> {
    const run = this.#room.then(() => this.#reserveNow(object, from, to));
    this.#room = run.catch(() => {});
    return run;
  }

  async #reserveNow(object: CacheObject, from: number, to: number): Promise<boolean> {
    const wanted: number[] = [];
    let bytes = 0;
    for (let chunk = from; chunk < to; chunk += 1) {
      if (object.isReserved(chunk)) continue;
      wanted.push(chunk);
      bytes += Math.ceil(object.chunks.chunkBytes(chunk) / BLOCK_BYTES) * BLOCK_BYTES;
    }
    if (bytes === 0) return true;
    object.retain();
    try {
      if (!(await this.#makeRoom(bytes))) return false;
    } finally {
      object.release();
    }
    for (const chunk of wanted) object.setReserved(chunk);
    this.#usedBytes += bytes;
    object.storedBytes += bytes;
    return true;
  }

  async #makeRoom(bytes: number): Promise<boolean> {
    if (this.usedBytes + bytes > this.capBytes) this.flush();
    while (this.usedBytes + bytes > this.capBytes) {
      if (this.#index === null) return false;
      const victim = this.sieve.pick(this.#index, (id) => this.#isPinned(id));
      if (victim === undefined) return false;
      await this.#evict(victim.id, victim.storedBytes);
    }
    return this.#index !== null;
  }

  #isPinned(id: number): boolean {
    const object = this.live.get(id);
    if (object === undefined) return this.#removed.has(id);
    // Hits are noted with the object itself, where every thread can: one since the hand last passed saves it once more.
    return object.state.takeVisit() || this.#removed.has(id) || object.uses > 0 || object.work?.isActive === true;
  }

  async #evict(id: number, storedBytes: number): Promise<void> {
    const object = this.live.get(id);
    if (object !== undefined) {
      await this.remove(object);
    } else {
      this.#removed.add(id);
      this.#scheduleFlush();
      await this.#unlink(id);
      this.#usedBytes -= storedBytes;
    }
    this.evictedObjects += 1;
  }

  /** Drops an object: new requests do not find it, its room is free once the file is gone. Readers keep their open file. */
  async remove(object: CacheObject): Promise<void> {
    if (object.isObsolete) return;
    object.setObsolete();
    object.hotBody = null;
    this.onEvict(object.key);
    this.live.delete(object.id);
    this.#dirty.delete(object);
    this.#removed.add(object.id);
    this.sieve.forget(object.id);
    this.#scheduleFlush();
    if (object.uses === 0) object.closeFile();
    await this.#unlink(object.id);
    this.#usedBytes -= object.storedBytes;
  }

  async #unlink(id: number): Promise<void> {
    try {
      await unlink(this.objectPath(id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.noteError(error);
    }
  }

  markDirty(object: CacheObject): void {
    if (object.isObsolete) return;
    object.isDirty = true;
    this.#dirty.add(object);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    this.#flushTimer ??= setTimeout(() => this.flush(), INDEX_FLUSH_INTERVAL_MS);
  }

  /** Writes all changes to the index in one transaction. */
  flush(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    if (this.#index === null || (this.#dirty.size === 0 && this.#removed.size === 0)) return;
    const saved = [...this.#dirty].map((object) => ({
      row: {
        id: object.id,
        key: object.key,
        sizeBytes: object.sizeBytes,
        storedBytes: object.storedBytes,
        filling: object.work?.isActive === true,
        meta: JSON.stringify(object.meta),
      },
      pages: [...object.dirtyPages].map((page) => object.chunks.page(page)),
    }));
    try {
      this.#index.apply({ saved, removedIds: [...this.#removed] });
    } catch (error) {
      this.fail(error);
      return;
    }
    for (const object of this.#dirty) {
      object.isDirty = false;
      object.dirtyPages.clear();
    }
    this.#dirty.clear();
    this.#removed.clear();
  }

  /** Deletes files that no row knows: a process killed between creating a file and writing its row leaves them. */
  sweepOrphans(signal: AbortSignal): Promise<number> {
    return this.#files.sweep({
      writtenBeforeMs: this.#startedAtMs,
      isOver: () => signal.aborted || this.#index === null,
      isKnown: (id) => this.live.has(id) || this.#index?.has(id) === true,
    });
  }

  stop(): void {
    this.flush();
    for (const object of this.live.values()) object.closeFile({ evenInUse: true });
    this.#index?.close();
    this.#index = null;
  }

  /** Loads the chunks of an object that was found in the index. */
  restore(object: CacheObject, storedBytes: number): void {
    for (const page of this.index.pages(object.id)) object.chunks.loadPage(page);
    object.storedBytes = storedBytes;
    for (let chunk = 0; chunk < object.chunks.count; chunk += 1)
      if (object.chunks.has(chunk)) object.setReserved(chunk);
    this.live.set(object.id, object);
  }
}

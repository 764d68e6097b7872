// One cache drive: its files, its index, its room and its health. Never holds more than its cap, and can be taken out and come back at run time.

import { unlink } from 'node:fs/promises';
import { describeError, type Logger } from '@wayside/kit';
import { CacheObject, type ObjectHome } from './cache-object.ts';
import { ChunkMap } from './chunk-map.ts';
import { DriveFiles } from './drive-files.ts';
import { DriveHealth } from './drive-health.ts';
import { DriveIndex, type ObjectRow, type ScrubRow } from './drive-index.ts';
import { type DriveIssue, driveIssueOf, isIndexDamage, isOutOfSpace, STALLED } from './drive-issue.ts';
import { DriveSpace } from './drive-space.ts';
import { HeldObjects } from './held-objects.ts';
import { IndexLog } from './index-log.ts';
import type { SelectedRow, Selection } from './index-selection.ts';
import type { ObjectMeta } from './object-meta.ts';
import { RoomKeeper } from './room-keeper.ts';
import { Sieve } from './sieve.ts';

/** A look at the drive that takes longer counts as an I/O error. */
const PROBE_TIMEOUT_MS = 20_000;
/** Freed at once when the index cannot grow, bytes. */
const INDEX_ROOM_BYTES = 1024 * 1024;

export class Drive implements ObjectHome {
  readonly path: string;
  readonly capBytes: number;
  /** Threads that may use its objects, the engine included. */
  stateSlots = 1;
  issue: DriveIssue | null = null;
  issueText = '';
  evictedObjects = 0;
  /** Obsolete objects that readers still have open. */
  readonly held = new HeldObjects();
  /** Objects in memory, by id. */
  readonly live = new Map<number, CacheObject>();
  readonly files: DriveFiles;
  #sieve = new Sieve();
  #index: DriveIndex | null = null;
  #nextId = 1;
  #startedAtMs = 0;
  #isIndexDamaged = false;
  #hasOrphans = false;
  #probing: Promise<void> | null = null;
  readonly #health = new DriveHealth();
  readonly #space: DriveSpace;
  readonly #room: RoomKeeper;
  readonly #log: IndexLog;
  readonly #logger: Logger;
  /** A key is not here any more: evicted, dropped, or the drive is out. */
  onEvict: (key: string) => void = () => {};
  /** Called when the drive is in service again, before anything is served from it. */
  onUp: () => void = () => {};

  constructor(path: string, capBytes: number, logger: Logger) {
    this.path = path;
    this.capBytes = capBytes;
    this.#logger = logger;
    this.files = new DriveFiles(path);
    this.#space = new DriveSpace(capBytes, this.files);
    this.#log = new IndexLog({
      index: () => this.#index,
      sieve: () => this.#sieve,
      live: this.live,
      onFailure: (error) => this.fail(error),
      onOutOfSpace: () => this.#onIndexFull(),
    });
    this.#room = new RoomKeeper({
      space: this.#space,
      sieve: () => this.#sieve,
      queue: () => this.#index,
      flush: () => this.#log.flush(),
      isPinned: (id) => this.#isPinned(id),
      evict: (id, storedBytes) => this.#evict(id, storedBytes),
      onQueueError: (error) => this.fail(error),
    });
  }

  get isUp(): boolean {
    return this.#index !== null;
  }

  /** In service, and the last reservation found room. */
  get takesMore(): boolean {
    return this.#index !== null && !this.#room.isFull;
  }

  /** Bytes on the file system, what is promised to fills included; never less than what lies there. */
  get usedBytes(): number {
    return this.#space.usedBytes;
  }

  get objectCount(): number {
    return this.#index?.totals().objects ?? 0;
  }

  get sieve(): Sieve {
    return this.#sieve;
  }

  /** Throws while the drive is out. */
  get index(): DriveIndex {
    if (this.#index === null) throw new Error(`Drive ${this.path} is out`);
    return this.#index;
  }

  /** Told about each object that is complete and in the index: it outlives the process from here on. */
  set onStored(listener: (object: CacheObject) => void) {
    this.#log.onStored = listener;
  }

  objectPath(id: number): string {
    return this.files.objectPath(id);
  }

  /** Opens or re-opens the drive. Returns false with `issue` set when it cannot be used. Reads no object. */
  start(): boolean {
    if (this.#index !== null) return true;
    try {
      const marker = this.files.check(this.capBytes);
      if (this.#isIndexDamaged) this.#setIndexAside();
      const index = new DriveIndex(this.files.indexPath, this.#logger);
      this.#index = index;
      this.files.settle(marker);
      this.#startedAtMs = Date.now();
      this.#takeOver(index);
      this.#health.up(performance.now());
      this.#noteSpace();
      this.onUp();
      return true;
    } catch (error) {
      this.#setIssue(error);
      this.#close();
      return false;
    }
  }

  #takeOver(index: DriveIndex): void {
    // Counts what a killed process may have written without saying so; no file: the look-up will find that out and drop the row.
    const interrupted = index.interrupted().map(({ id, storedBytes }) => ({
      id,
      storedBytes: Math.max(this.files.objectBytes(id) ?? 0, storedBytes),
    }));
    index.settleInterrupted(interrupted);
    const { storedBytes, objects, maxId } = index.totals();
    // A drive that comes back must not give an id twice: a slow reader may still have the file of the first one open.
    this.#nextId = Math.max(this.#nextId, maxId + 1);
    this.#sieve = new Sieve();
    const { hand, pages } = index.sieve();
    this.#sieve.restore(hand, pages);
    this.#hasOrphans = index.state('clean') === 0;
    index.setState({ clean: 0 });
    this.#space.start(storedBytes);
    this.#space.look(objects);
    this.#isIndexDamaged = false;
  }

  #setIndexAside(): void {
    this.#logger.error('Index of a cache drive is damaged, it was set aside and a new one is made', {
      code: 'CACHE_INDEX_CORRUPT',
      path: this.path,
      aside: this.files.quarantineIndex(),
    });
  }

  #setIssue(error: unknown): void {
    const issue = driveIssueOf(error);
    const text = describeError(error);
    // Said once: a drive that stays out is looked at again and again.
    if (this.issue !== issue || this.issueText !== text) {
      this.#logger.error('Cache drive is out', { code: 'CACHE_DRIVE_FAILED', path: this.path, issue, reason: text });
    }
    this.issue = issue;
    this.issueText = text;
    this.#health.down(performance.now());
  }

  /** Takes the drive out: its objects are gone for new requests, everything else serves on. */
  fail(error: unknown): void {
    if (this.#index === null) return;
    this.#setIssue(error);
    this.#isIndexDamaged = isIndexDamage(error);
    const reason = error instanceof Error ? error : new Error('drive failed');
    const objects = [...this.live.values()];
    // First out, then told: whoever is told asks for the object again at once, and must not find it here.
    this.#close();
    for (const object of objects) this.#letGo(object, reason);
  }

  #close(): void {
    const index = this.#index;
    this.#index = null;
    this.#log.forget();
    try {
      index?.close();
    } catch {
      // The database may be as broken as the drive.
    }
  }

  /** Nobody gets the object from memory any more; its readers keep their open file. */
  #letGo(object: CacheObject, reason: Error): void {
    object.setObsolete();
    this.live.delete(object.id);
    this.onEvict(object.key);
    object.work?.cancel(reason);
    object.closeFile();
  }

  /** Counts an I/O error of one object; too many, or one that concerns the whole drive, take the drive out. */
  noteError(error: unknown): void {
    if (isOutOfSpace(error)) this.#space.noteFull();
    else if (this.#health.noteError(error, performance.now())) this.fail(error);
    // One error may be the first sign of a dead drive: it is looked at now, not at the next interval.
    else if (driveIssueOf(error) === 'DriveInputOutputError') void this.probe();
  }

  /**
   * An object could not be written. It is let go: what is there of it stays in the index, and the client's next request finds another way
   * instead of the same wall.
   */
  writeFailed(object: CacheObject, error: unknown): void {
    this.noteError(error);
    this.#detach(object, error instanceof Error ? error : new Error('cannot write'));
  }

  #detach(object: CacheObject, reason: Error): void {
    if (object.isObsolete || this.#index === null) return;
    this.#log.flush();
    if (!object.isObsolete) this.#letGo(object, reason);
  }

  /** Looks at the drive itself: still there, writable, and the same one. Brings a failed drive back when it works again. */
  probe(): Promise<void> {
    const run = (this.#probing ?? Promise.resolve()).then(() =>
      this.#index === null ? this.#comeBack() : this.#check(),
    );
    this.#probing = run;
    return run.finally(() => {
      if (this.#probing === run) this.#probing = null;
    });
  }

  /** probe() at the pace of a timer: a drive that is out is looked at with growing pauses. */
  probeIfDue(nowMs: number): void {
    if (this.#probing !== null || (this.#index === null && !this.#health.isDue(nowMs))) return;
    void this.probe();
  }

  async #comeBack(): Promise<void> {
    try {
      // Not by start() itself: a drive that hangs would hold up everything.
      await withinTime(this.files.probeReachable(), PROBE_TIMEOUT_MS);
      this.files.check(this.capBytes);
      await withinTime(this.files.probeWriting(true), PROBE_TIMEOUT_MS);
    } catch (error) {
      if (this.#index === null) this.#setIssue(error);
      return;
    }
    if (this.#index === null && this.start()) this.#logger.info('Cache drive is back', { path: this.path });
  }

  async #check(): Promise<void> {
    try {
      await withinTime(this.files.probe(), PROBE_TIMEOUT_MS);
      if (this.#index === null) return;
      this.#space.look(this.#index.totals().objects);
      this.#log.flush();
      if (this.#room.isFull) await this.#room.recover();
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#noteSpace();
  }

  /** A file system that cannot give the cap is an issue, though the drive serves on within what there is. */
  #noteSpace(): void {
    if (this.#index === null) return;
    const isTooSmall = this.#space.isTooSmall;
    if (!isTooSmall) {
      this.issue = null;
      this.issueText = '';
      return;
    }
    this.issueText = `the file system has no room for the drive's cap of ${this.capBytes} bytes, ${this.usedBytes} are used`;
    if (this.issue === 'DriveTooSmall') return;
    this.issue = 'DriveTooSmall';
    this.#logger.warn('File system of a cache drive is short of space, the drive keeps to what there is', {
      code: 'CACHE_DRIVE_SHORT_OF_SPACE',
      path: this.path,
      capBytes: this.capBytes,
      usedBytes: this.usedBytes,
    });
  }

  #onIndexFull(): void {
    this.#space.noteFull();
    void this.#room.free(INDEX_ROOM_BYTES);
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** The row of a key; undefined when there is none, or the drive is out. */
  findRow(key: string): ObjectRow | undefined {
    const row = this.#read((index) => index.find(key));
    return row === undefined || this.#log.isRemoved(row.id) ? undefined : row;
  }

  /** The object of a row, loaded; undefined when it cannot be used: the drive takes nothing more and chunks are missing. */
  load(row: ObjectRow): CacheObject | undefined {
    const known = this.live.get(row.id);
    if (known !== undefined) return known;
    const pages = this.#read((index) => index.pages(row.id, row.sizeBytes));
    if (pages === undefined) return undefined;
    const object = new CacheObject(this, row.id, row.key, row.sizeBytes, JSON.parse(row.meta) as ObjectMeta);
    for (const page of pages) object.chunks.loadPage(page);
    if (!object.chunks.isComplete && this.#room.isFull) return undefined;
    object.storedBytes = row.storedBytes;
    for (let chunk = 0; chunk < object.chunks.count; chunk += 1)
      if (object.chunks.has(chunk)) object.setReserved(chunk);
    this.live.set(object.id, object);
    return object;
  }

  /**
   * Up to `limit` objects that a selection names, with id > after, in order of id; those on their way out are left out.
   * `last` is where to go on, undefined when there are no more or the drive is out.
   */
  select(selection: Selection, after: number, limit: number): { rows: SelectedRow[]; last: number | undefined } {
    const found = this.#read((index) => index.select(selection, after, limit)) ?? [];
    return { rows: found.filter(({ id }) => !this.#log.isRemoved(id)), last: found.at(-1)?.id };
  }

  /** Forgets an object in memory; the index still knows it. */
  unload(object: CacheObject): void {
    this.live.delete(object.id);
    if (object.state.takeVisit()) this.#sieve.visit(object.id);
  }

  /** Reads from the index; a drive whose index cannot be read is taken out, and nobody else suffers. */
  #read<T>(fn: (index: DriveIndex) => T): T | undefined {
    if (this.#index === null) return undefined;
    try {
      return fn(this.#index);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /**
   * Makes room for chunks [from, to) of an object before they are written. Evicts others; false when that is not enough, and then the
   * object is let go unless all of it is there.
   */
  async reserve(object: CacheObject, from: number, to: number): Promise<boolean> {
    if (await this.#room.reserve(object, from, to)) return true;
    this.#detach(object, new Error('no room'));
    return false;
  }

  #isPinned(id: number): boolean {
    const object = this.live.get(id);
    if (object === undefined) return this.#log.isRemoved(id);
    // Hits are noted with the object itself, where every thread can: one since the hand last passed saves it once more.
    return object.state.takeVisit() || this.#log.isRemoved(id) || object.uses > 0 || object.work?.isActive === true;
  }

  async #evict(id: number, storedBytes: number): Promise<void> {
    this.evictedObjects += 1;
    const object = this.live.get(id);
    if (object !== undefined) return this.remove(object);
    await this.#removeRow(id, storedBytes);
  }

  /** Drops what a row stands for, loaded or not. */
  async removeRow(row: Pick<ObjectRow, 'id' | 'storedBytes'>): Promise<void> {
    const object = this.live.get(row.id);
    if (object !== undefined) await this.remove(object);
    else if (!this.#log.isRemoved(row.id)) await this.#removeRow(row.id, row.storedBytes);
  }

  async #removeRow(id: number, storedBytes: number): Promise<void> {
    this.#log.remove(id);
    this.#sieve.forget(id);
    await this.#unlink(id);
    this.#space.give(storedBytes);
  }

  /** Drops an object: new requests do not find it, its room is free once the file is gone. Readers keep their open file. */
  async remove(object: CacheObject): Promise<void> {
    if (object.isObsolete) return;
    object.setObsolete();
    object.hotBody = null;
    this.live.delete(object.id);
    this.onEvict(object.key);
    this.#log.remove(object.id, object);
    this.#sieve.forget(object.id);
    object.closeFile();
    await this.#unlink(object.id);
    const isFree = new Promise<void>((resolve) => {
      object.afterClose(() => {
        this.#space.give(object.storedBytes);
        resolve();
      });
    });
    // A slow reader may hold the file for long; its bytes count until it is done.
    if (object.fd < 0) await isFree;
  }

  async #unlink(id: number): Promise<void> {
    try {
      await unlink(this.objectPath(id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#hasOrphans = true;
      this.noteError(error);
    }
  }

  markDirty(object: CacheObject): void {
    this.#log.markDirty(object);
  }

  /** Resolves true once everything noted up to now is in the index and outlives the process; false when the drive cannot keep it. */
  committed(): Promise<boolean> {
    return this.#log.committed();
  }

  /** Writes all changes to the index in one transaction. */
  flush(): void {
    this.#log.flush();
  }

  /** The room that an object takes was found to be another: what a broken fill left, or what a power cut took. */
  noteStoredBytes(key: string, id: number, foundBytes: number): void {
    const row = this.live.has(id) ? undefined : this.findRow(key);
    if (row === undefined || row.id !== id || row.storedBytes === foundBytes) return;
    this.#read((index) => index.settleInterrupted([{ id, storedBytes: foundBytes }]));
    if (foundBytes > row.storedBytes) this.#space.take(foundBytes - row.storedBytes);
    else this.#space.give(row.storedBytes - foundBytes);
  }

  /** Used since the eviction hand last passed. */
  isVisited(object: CacheObject): boolean {
    return object.state.isVisited || this.#sieve.isVisited(object.id);
  }

  /** What is there of an object, from memory or the index. */
  chunksOf(id: number, sizeBytes: number): ChunkMap | undefined {
    const object = this.live.get(id);
    if (object !== undefined) return object.chunks;
    const pages = this.#read((index) => index.pages(id, sizeBytes));
    if (pages === undefined) return undefined;
    const chunks = new ChunkMap(sizeBytes);
    for (const page of pages) chunks.loadPage(page);
    return chunks;
  }

  /** Objects with id > after, in order of arrival; undefined while the drive is out. */
  scrubRows(after: number): ScrubRow[] | undefined {
    return this.#read((index) => index.scrubRows(after));
  }

  /** Id the scrubber has come to, 0 between two passes; end of the last pass, ms since 1970. */
  scrubPosition(): { id: number; lastPassAtMs: number } {
    const position = this.#read((index) => ({
      id: index.state('scrub_id'),
      lastPassAtMs: index.state('scrub_pass_at'),
    }));
    return position ?? { id: 0, lastPassAtMs: 0 };
  }

  saveScrubPosition({ id, lastPassAtMs }: { id: number; lastPassAtMs?: number }): void {
    const pass = lastPassAtMs === undefined ? {} : { scrub_pass_at: lastPassAtMs };
    this.#read((index) => index.setState({ scrub_id: id, ...pass }));
  }

  /** Deletes files that no row knows: a process killed between creating a file and writing its row leaves them. None after a clean end. */
  async sweepOrphans(signal: AbortSignal): Promise<number> {
    if (!this.#hasOrphans) return 0;
    const swept = await this.files.sweep({
      writtenBeforeMs: this.#startedAtMs,
      isOver: () => signal.aborted || this.#index === null,
      isKnown: (id) => this.live.has(id) || this.#read((index) => index.has(id)) !== false,
    });
    if (!signal.aborted && this.#index !== null) this.#hasOrphans = false;
    return swept;
  }

  stop(): void {
    const index = this.#index;
    this.#log.flush(true);
    for (const object of this.live.values()) object.closeFile({ evenInUse: true });
    if (this.#index !== null && !this.#hasOrphans) {
      try {
        index?.setState({ clean: 1 });
      } catch {
        // The next start looks for orphans.
      }
    }
    this.#close();
  }
}

/** Rejects with STALLED when the drive does not answer in time; what was asked of it goes on in its thread. */
async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = Object.assign(new Error(`the drive did not answer within ${timeoutMs} ms`), { code: STALLED });
    timer = setTimeout(() => reject(error), timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// All drives as one store: finds the object of a key, makes new ones on the drive where they fit, forgets what was evicted.

import { crc32 } from 'node:zlib';
import { EdgeError, type Logger } from '@wayside/kit';
import { AbsentKeys } from './absent-keys.ts';
import { CacheObject } from './cache-object.ts';
import { ChunkLoader } from './chunk-loader.ts';
import { windowBytes } from './chunk-window.ts';
import { Drive } from './drive.ts';
import type { ObjectRow } from './drive-index.ts';
import { HotBodies } from './hot-bodies.ts';
import type { ObjectMeta } from './object-meta.ts';
import { OpenFiles } from './open-files.ts';
import { noScrubFigures } from './scrub-figures.ts';
import { SLAB_BODY_BYTES_MAX } from './slabs/slab-files.ts';

/** Objects whose state is kept in memory; the rest is looked up in the index. */
const LIVE_OBJECTS_MAX = 50_000;
/** Drives in service are looked at this often; one that is out, at growing pauses (drive-health). */
const DRIVE_PROBE_INTERVAL_MS = 2000;

export interface DriveSettings {
  path: string;
  sizeBytes: number;
}

/** INVARIANT: at most one object that is not obsolete exists for a key, on whatever drive. */
export class ObjectStore {
  readonly drives: readonly Drive[];
  readonly hotBodies = new HotBodies();
  readonly scrubFigures = noScrubFigures();
  readonly loader: ChunkLoader;
  readonly #byKey = new Map<string, CacheObject>();
  readonly #openFiles = new OpenFiles();
  readonly #absent = new AbsentKeys();
  readonly #logger: Logger;
  /** Told about each object that is complete and in an index: it outlives the process from here on. */
  onStored: (object: CacheObject) => void = () => {};
  readonly #stop = new AbortController();
  #probeTimer: NodeJS.Timeout | null = null;

  /** @param threads threads that use objects, the engine's own included */
  constructor(drives: readonly DriveSettings[], logger: Logger, threads = 1) {
    this.#logger = logger;
    this.loader = new ChunkLoader(this.hotBodies, logger);
    this.drives = drives.map(({ path, sizeBytes }) => new Drive(path, sizeBytes, logger));
    for (const drive of this.drives) {
      drive.stateSlots = threads;
      drive.onEvict = (key) => this.#forget(key, drive);
      drive.onStored = (object) => this.onStored(object);
    }
  }

  start(): void {
    for (const drive of this.drives) {
      // Where room is short, what a kill left goes before anything new comes.
      if (drive.start() && drive.isNearlyFull) void this.#sweep(drive);
    }
    this.#probeTimer = setInterval(() => {
      for (const drive of this.drives) {
        drive.probeIfDue(performance.now());
        // One that was killed or came back may have files that nobody knows. Not at once: those who waited for the start come first.
        void this.#sweep(drive);
      }
    }, DRIVE_PROBE_INTERVAL_MS);
    this.#probeTimer.unref();
  }

  async #sweep(drive: Drive): Promise<void> {
    const files = await drive.sweepOrphans(this.#stop.signal);
    if (files > 0) this.#logger.info('Swept files without an index entry', { path: drive.path, files });
  }

  /** Resolves when everything that has come is written: before stop(), so that a clean end loses nothing. */
  async settle(): Promise<void> {
    await Promise.all(this.drives.map((drive) => drive.settle()));
  }

  stop(): void {
    this.#stop.abort();
    if (this.#probeTimer !== null) clearInterval(this.#probeTimer);
    for (const drive of this.drives) drive.stop();
  }

  get liveCount(): number {
    return this.#byKey.size;
  }

  /** The object in memory: the fast way of a hit. */
  peek(key: string): CacheObject | undefined {
    return this.#byKey.get(key);
  }

  /** The object in memory or in an index. */
  find(key: string): CacheObject | undefined {
    const live = this.#byKey.get(key);
    if (live !== undefined) return live;
    const found = this.#newestRow(key);
    if (found === undefined) this.#absent.note(key);
    const object = found?.drive.load(found.row);
    if (object === undefined) return undefined;
    this.#keep(object);
    return object;
  }

  /**
   * The row of a key, whatever drive it lies on. A drive that was out may come back with an older version than another one got meanwhile:
   * the newest counts, the others go.
   */
  #newestRow(key: string): { drive: Drive; row: ObjectRow } | undefined {
    let newest: { drive: Drive; row: ObjectRow; atMs: number } | undefined;
    for (const drive of this.drives) {
      const row = drive.findRow(key);
      if (row === undefined) continue;
      const { responseAtMs: atMs } = JSON.parse(row.meta) as ObjectMeta;
      if (newest !== undefined) void (atMs > newest.atMs ? newest.drive.removeRow(newest.row) : drive.removeRow(row));
      if (newest === undefined || atMs > newest.atMs) newest = { drive, row, atMs };
    }
    return newest;
  }

  /**
   * A new, empty object for a key; a former one is dropped.
   * @returns undefined when it fits no drive that takes more: its bytes pass through unstored
   */
  async create(key: string, sizeBytes: number, meta: ObjectMeta): Promise<CacheObject | undefined> {
    for (const drive of this.#drivesFor(sizeBytes, meta)) {
      const object = await this.#createOn(drive, key, sizeBytes, meta);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  async #createOn(drive: Drive, key: string, sizeBytes: number, meta: ObjectMeta): Promise<CacheObject | undefined> {
    await this.#dropAll(key);
    if (!drive.isUp) return undefined;
    const object = new CacheObject(drive, drive.takeId(), key, sizeBytes, meta);
    object.retain();
    drive.live.set(object.id, object);
    try {
      await object.open(true);
      // The drive may have gone out while the file was made.
      if (object.isObsolete) return undefined;
    } catch (error) {
      object.setObsolete();
      drive.live.delete(object.id);
      drive.noteError(error);
      return undefined;
    } finally {
      object.release();
    }
    // Another request may have made one meanwhile; the newest stands.
    const rival = this.#byKey.get(key);
    if (rival !== undefined) await this.drop(rival);
    this.#openFiles.note(object);
    this.#keep(object);
    drive.markDirty(object);
    return object;
  }

  /**
   * A new small object, with room for its body; nobody finds it before publish(). What is made must be published or dropped.
   * @returns undefined when no drive takes it that way
   */
  async createSmall(key: string, sizeBytes: number, meta: ObjectMeta): Promise<CacheObject | undefined> {
    if (sizeBytes === 0 || sizeBytes > SLAB_BODY_BYTES_MAX) return undefined;
    for (const drive of this.#drivesFor(sizeBytes, meta)) {
      if (!drive.takesSmall) continue;
      const object = new CacheObject(drive, drive.takeId(), key, sizeBytes, meta, -1);
      drive.live.set(object.id, object);
      if (await drive.reserve(object, 0, 1)) return object;
    }
    return undefined;
  }

  /** The body of a small object has come: from here on it stands for its key, a former one is dropped. */
  async publish(object: CacheObject, body: Buffer): Promise<void> {
    await this.#dropAll(object.key);
    // The drive may have gone out meanwhile; whoever waits is served from memory all the same.
    if (object.isObsolete) {
      object.hotBody = Buffer.from(body);
      return;
    }
    this.hotBodies.put(object, body);
    // Its own copy, kept here: what drops bodies in memory may come before the write.
    const kept = object.hotBody as Buffer;
    object.completeChunk(0, crc32(body), this.loader.warmUntil());
    const rival = this.#byKey.get(object.key);
    if (rival !== undefined) await this.drop(rival);
    this.#keep(object);
    object.drive.keepBody?.(object, kept);
  }

  /** Drops what there is of a key on all drives in service, also what cannot be served at the moment. */
  async #dropAll(key: string): Promise<void> {
    const live = this.#byKey.get(key);
    if (live !== undefined) await this.drop(live);
    // Looked for a moment ago: only this store writes rows, and not without noting the key.
    if (this.#absent.take(key)) return;
    for (const drive of this.drives) {
      const row = drive.findRow(key);
      if (row !== undefined) await drive.removeRow(row);
    }
  }

  /** Opens the file of a found object; drops the object and returns false when the file is gone. */
  async ensureOpen(object: CacheObject): Promise<boolean> {
    if (object.isSmall) return this.#ensureBody(object);
    const wasOpen = object.fd >= 0;
    try {
      await object.open();
      if (!wasOpen) this.#openFiles.note(object);
      if (!object.isObsolete || object.uses > 0) return true;
      // Dropped while it was being opened: whoever dropped it saw no file to close.
      object.closeFile();
      return false;
    } catch (error) {
      // Evicted between look-up and open; or this process has no descriptor left, which says nothing about the file.
      if (object.isObsolete || isOurLimit(error)) return false;
      this.#logger.warn('Stored file is gone, the object is dropped', {
        key: object.key,
        path: object.drive.path,
        error,
      });
      object.drive.noteError(error);
      await this.drop(object);
      return false;
    }
  }

  /** Reads the body of a small object into memory; drops the object and returns false when it is not what it was. */
  async #ensureBody(object: CacheObject): Promise<boolean> {
    if (object.hotBody !== null) return true;
    try {
      await this.loader.load(object, 0);
    } catch (error) {
      if (!object.isObsolete) this.#logger.warn('Stored body cannot be read', { key: object.key, error });
    }
    if (object.isOpen) return true;
    await this.drop(object);
    return false;
  }

  /** Where a body without a length is received whole before it is passed on: the drive in service with the most room; undefined without any. */
  spoolFolder(): string | undefined {
    let best: Drive | undefined;
    for (const drive of this.drives) {
      if (drive.isUp && (best === undefined || drive.freeBytes > best.freeBytes)) best = drive;
    }
    return best?.path;
  }

  /** Takes an object out: it changed at the origin, or its file is damaged. */
  async drop(object: CacheObject): Promise<void> {
    await object.drive.remove(object);
  }

  /** Resolves true once all of an object that is there is in the index, and so outlives the process. */
  async whenStored(object: CacheObject): Promise<boolean> {
    const drive = this.drives.find((other) => other === object.drive);
    return drive !== undefined && (await drive.committed()) && !object.isObsolete;
  }

  /** An obsolete object that readers still have open. */
  heldObject(key: string, id: number): CacheObject | undefined {
    for (const drive of this.drives) {
      const held = drive.held.find(key, id);
      if (held !== undefined) return held;
    }
    return undefined;
  }

  /** Another thread gave back uses of obsolete objects: closes those that were waiting for it. */
  closeReleased(): void {
    for (const drive of this.drives) drive.held.closeReleased();
  }

  /** A thread is no more: gives back what it used; answers how many uses there were. */
  releaseSlot(slot: number): number {
    let uses = 0;
    for (const drive of this.drives) {
      for (const object of drive.live.values()) uses += object.state.releaseSlot(slot);
      for (const object of drive.held.values()) uses += object.state.releaseSlot(slot);
    }
    this.closeReleased();
    return uses;
  }

  /** Notes a hit for eviction and keeps the memory bounded. */
  touch(object: CacheObject): void {
    object.visit();
  }

  /** The drives where an object fits: whole ones before windows, then the least full by share. What comes in one piece is kept whole or not. */
  #drivesFor(sizeBytes: number, { ranged }: ObjectMeta): Drive[] {
    const isWhole = ({ capBytes }: Drive) => windowBytes(sizeBytes, capBytes) === Number.POSITIVE_INFINITY;
    const takes = (drive: Drive) => isWhole(drive) || (ranged && windowBytes(sizeBytes, drive.capBytes) !== undefined);
    return this.drives
      .filter((drive) => drive.takesMore && takes(drive))
      .sort((a, b) => Number(isWhole(b)) - Number(isWhole(a)) || a.usedBytes / a.capBytes - b.usedBytes / b.capBytes);
  }

  #keep(object: CacheObject): void {
    this.#byKey.set(object.key, object);
    this.#absent.take(object.key);
    if (this.#byKey.size > LIVE_OBJECTS_MAX) this.#trim(LIVE_OBJECTS_MAX * 0.9);
  }

  /** Forgets the objects that were loaded first and are not in use; the index still knows them. */
  #trim(target: number): void {
    for (const [key, object] of this.#byKey) {
      if (this.#byKey.size <= target) return;
      if (object.uses > 0 || object.isDirty || object.work?.isActive) continue;
      // Another thread may have begun to read it just now.
      if (!object.closeFile()) continue;
      this.#byKey.delete(key);
      for (const drive of this.drives) if (drive === object.drive) drive.unload(object);
      this.hotBodies.drop(object);
      // From here on another object may stand for this key: other threads must ask.
      object.state.noteChange();
    }
  }

  #forget(key: string, drive: Drive): void {
    const object = this.#byKey.get(key);
    if (object === undefined || object.drive !== drive) return;
    this.hotBodies.drop(object);
    this.#byKey.delete(key);
  }

  /** Throws CACHE_STORE_FULL for callers that cannot go on without the store. */
  static full(key: string): EdgeError {
    return new EdgeError('CACHE_STORE_FULL', `Cannot store "${key}": no drive has room`, { source: 'internal' });
  }
}

function isOurLimit(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '');
}

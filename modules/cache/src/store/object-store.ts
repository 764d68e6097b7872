// All drives as one store: finds the object of a key, makes new ones on the drive where they fit, forgets what was evicted.

import { EdgeError, type Logger } from '@wayside/kit';
import { CacheObject } from './cache-object.ts';
import { Drive } from './drive.ts';
import { HotBodies } from './hot-bodies.ts';
import type { ObjectMeta } from './object-meta.ts';

/** Objects whose state is kept in memory; the rest is looked up in the index. */
const LIVE_OBJECTS_MAX = 50_000;
/** Open files; the process limit is far higher in a container, sockets need most of it. */
const OPEN_FILES_MAX = 8192;
/** An object larger than this share of a drive's cap passes through unstored: it would push out everything else. */
const OBJECT_SHARE_OF_DRIVE_MAX = 0.5;
/** Drives are looked at this often. */
const DRIVE_PROBE_INTERVAL_MS = 5000;

export interface DriveSettings {
  path: string;
  sizeBytes: number;
}

/** INVARIANT: at most one object that is not obsolete exists for a key, on whatever drive. */
export class ObjectStore {
  readonly drives: readonly Drive[];
  readonly hotBodies = new HotBodies();
  readonly #byKey = new Map<string, CacheObject>();
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #probeTimer: NodeJS.Timeout | null = null;

  /** @param threads threads that use objects, the engine's own included */
  constructor(drives: readonly DriveSettings[], logger: Logger, threads = 1) {
    this.#logger = logger;
    this.drives = drives.map(({ path, sizeBytes }) => new Drive(path, sizeBytes, logger));
    for (const drive of this.drives) {
      drive.stateSlots = threads;
      drive.onEvict = (key) => this.#forget(key, drive);
    }
  }

  start(): void {
    for (const drive of this.drives) {
      if (!drive.start()) continue;
      void drive.sweepOrphans(this.#stop.signal).then((files) => {
        if (files > 0) this.#logger.info('Swept files without an index entry', { path: drive.path, files });
      });
    }
    this.#probeTimer = setInterval(() => {
      for (const drive of this.drives) void drive.probe();
    }, DRIVE_PROBE_INTERVAL_MS);
    this.#probeTimer.unref();
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
    for (const drive of this.drives) {
      if (!drive.isUp) continue;
      const row = drive.index.find(key);
      if (row === undefined || drive.isRemoved(row.id)) continue;
      const object = new CacheObject(drive, row.id, key, row.sizeBytes, JSON.parse(row.meta) as ObjectMeta);
      drive.restore(object, row.storedBytes);
      this.#keep(object);
      return object;
    }
    return undefined;
  }

  /**
   * A new, empty object for a key; a former one is dropped.
   * @returns undefined when it fits no drive: its bytes pass through unstored
   */
  async create(key: string, sizeBytes: number, meta: ObjectMeta): Promise<CacheObject | undefined> {
    const drive = this.#pickDrive(sizeBytes);
    if (drive === undefined) return undefined;
    const former = this.find(key);
    if (former !== undefined) await this.drop(former);
    const object = new CacheObject(drive, drive.takeId(), key, sizeBytes, meta);
    object.retain();
    drive.live.set(object.id, object);
    try {
      await object.open(true);
    } catch (error) {
      drive.live.delete(object.id);
      drive.noteError(error);
      object.release();
      return undefined;
    }
    object.release();
    // Another request may have made one meanwhile; the newest stands.
    const rival = this.#byKey.get(key);
    if (rival !== undefined) await this.drop(rival);
    this.#keep(object);
    drive.markDirty(object);
    return object;
  }

  /** Opens the file of a found object; drops the object and returns false when the file is gone. */
  async ensureOpen(object: CacheObject): Promise<boolean> {
    try {
      await object.open();
      if (!object.isObsolete || object.uses > 0) return true;
      // Dropped while it was being opened: whoever dropped it saw no file to close.
      object.closeFile();
      return false;
    } catch (error) {
      // Evicted between look-up and open.
      if (object.isObsolete) return false;
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

  /** Takes an object out: it changed at the origin, or its file is damaged. */
  async drop(object: CacheObject): Promise<void> {
    await object.drive.remove(object);
  }

  /** Notes a hit for eviction and keeps the memory bounded. */
  touch(object: CacheObject): void {
    object.visit();
  }

  /** The drive that is least full by share, among those where the object fits. */
  #pickDrive(sizeBytes: number): Drive | undefined {
    let best: Drive | undefined;
    for (const drive of this.drives) {
      if (!drive.isUp || sizeBytes > drive.capBytes * OBJECT_SHARE_OF_DRIVE_MAX) continue;
      if (best === undefined || drive.usedBytes / drive.capBytes < best.usedBytes / best.capBytes) best = drive;
    }
    return best;
  }

  #keep(object: CacheObject): void {
    this.#byKey.set(object.key, object);
    if (this.#byKey.size > LIVE_OBJECTS_MAX) this.#trim(LIVE_OBJECTS_MAX * 0.9);
    else if (this.#byKey.size > OPEN_FILES_MAX && this.#byKey.size % 64 === 0) this.#closeOldFiles();
  }

  /** Forgets the objects that were loaded first and are not in use; the index still knows them. */
  #trim(target: number): void {
    for (const [key, object] of this.#byKey) {
      if (this.#byKey.size <= target) return;
      if (object.uses > 0 || object.isDirty || object.work?.isActive) continue;
      this.#byKey.delete(key);
      object.drive.live.delete(object.id);
      if (object.state.takeVisit()) object.drive.sieve.visit(object.id);
      this.hotBodies.drop(object);
      object.closeFile();
    }
  }

  #closeOldFiles(): void {
    let open = 0;
    for (const object of this.#byKey.values()) if (object.fd >= 0) open += 1;
    for (const object of this.#byKey.values()) {
      if (open <= OPEN_FILES_MAX * 0.9) return;
      if (object.fd < 0 || object.uses > 0 || object.work?.isActive) continue;
      object.closeFile();
      open -= 1;
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

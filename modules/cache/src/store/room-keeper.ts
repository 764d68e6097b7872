// Makes room on one drive before bytes are written, and takes back what was promised and not used. The cap holds at every moment.

import type { CacheObject } from './cache-object.ts';
import { chunkStart } from './chunk-map.ts';
import { ChunkWindow, windowBytes } from './chunk-window.ts';
import type { DriveSpace } from './drive-space.ts';
import { native } from './native.ts';
import type { EvictionQueue, Sieve } from './sieve.ts';

/** Files deleted at the same time: the thread pool has 4 threads. */
const EVICTIONS_AT_ONCE_MAX = 16;
/** More than asked is evicted at a time, so that not every small object waits for a deletion: this share of the cap, at most so much. */
const EVICT_AHEAD_SHARE = 1 / 1000;
const EVICT_AHEAD_BYTES_MAX = 4 * 1024 * 1024;
/** Rounds of evicting for one reservation: with bytes held by readers of what was deleted, or by others, there may be no end. */
const ROUNDS_MAX = 10_000;

export interface RoomKeeperDeps {
  space: DriveSpace;
  sieve(): Sieve;
  /** The index, null while the drive is out. */
  queue(): EvictionQueue | null;
  /** Brings the queue up to date. */
  flush(): void;
  isPinned(id: number): boolean;
  /** Takes an object out and deletes its file; resolves when its room is free, or is held by a reader only. */
  evict(id: number, storedBytes: number): Promise<void>;
  /** The index cannot be read. */
  onQueueError(error: unknown): void;
}

export class RoomKeeper {
  readonly #deps: RoomKeeperDeps;
  readonly #windows = new WeakMap<CacheObject, ChunkWindow>();
  #turn: Promise<unknown> = Promise.resolve();
  #isFull = false;

  constructor(deps: RoomKeeperDeps) {
    this.#deps = deps;
  }

  /** The last reservation found no room; nothing more is promised until room was found again. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Makes room for chunks [from, to) of an object before they are written. Evicts others; false when that is not enough.
   * Reservations run one after another, so that the cap holds at every moment.
   */
  async reserve(object: CacheObject, from: number, to: number): Promise<boolean> {
    // Before the queue: it waits for nobody but its own readers, and others need not wait for them.
    if (!((await this.#windowOf(object)?.admit(from, to)) ?? true)) return false;
    const run = this.#turn.then(() => this.#reserveNow(object, from, to));
    this.#turn = run.catch(() => {});
    return run;
  }

  #windowOf(object: CacheObject): ChunkWindow | undefined {
    const { space } = this.#deps;
    const maxBytes = windowBytes(object.sizeBytes, space.capBytes);
    if (maxBytes === undefined || maxBytes === Number.POSITIVE_INFINITY) return undefined;
    let window = this.#windows.get(object);
    if (window === undefined) {
      window = new ChunkWindow(object, maxBytes, space);
      this.#windows.set(object, window);
    }
    return window;
  }

  /**
   * Takes back what was promised for chunks that did not come: a broken or abandoned transfer leaves parts of them. Only while nobody
   * uses the object: a reader may be sending such a part.
   */
  takeBack(object: CacheObject): void {
    const { space } = this.#deps;
    if (object.isObsolete || object.fd < 0 || object.work?.isActive === true || this.#windowOf(object)) return;
    const { chunks } = object;
    for (let chunk = 0; chunk < chunks.count; chunk += 1) {
      if (!object.isReserved(chunk) || chunks.has(chunk)) continue;
      // First nobody finds it any more, then it is looked whether somebody did.
      chunks.clear(chunk);
      if (object.uses > 0) return;
      const bytes = chunks.chunkBytes(chunk);
      object.noteOwnWrite();
      const isGone = native?.punchHole(object.fd, chunkStart(chunk), bytes) === true;
      object.noteWritten();
      if (!isGone) return;
      object.unsetReserved(chunk);
      object.storedBytes -= space.blocks(bytes);
      space.give(space.blocks(bytes));
    }
  }

  /** Looks whether there is room again. */
  recover(): Promise<boolean> {
    return this.free(this.#deps.space.blocks(1));
  }

  /** Makes room without promising it to anybody. */
  free(bytes: number): Promise<boolean> {
    const run = this.#turn.then(() => this.#makeRoom(bytes));
    this.#turn = run.catch(() => {});
    return run;
  }

  async #reserveNow(object: CacheObject, from: number, to: number): Promise<boolean> {
    const { space } = this.#deps;
    const wanted: number[] = [];
    let bytes = 0;
    for (let chunk = from; chunk < to; chunk += 1) {
      if (object.isReserved(chunk)) continue;
      wanted.push(chunk);
      bytes += space.blocks(object.chunks.chunkBytes(chunk));
    }
    if (bytes === 0) return true;
    object.retain();
    try {
      if (!(await this.#makeRoom(bytes))) return false;
      if (object.isObsolete) return false;
      if (space.isShort && !(await this.#allot(object, wanted, bytes))) return false;
    } finally {
      object.release();
    }
    for (const chunk of wanted) object.setReserved(chunk);
    space.take(bytes);
    object.storedBytes += bytes;
    return true;
  }

  async #makeRoom(bytes: number): Promise<boolean> {
    const { space } = this.#deps;
    let isFlushed = false;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      if (this.#deps.queue() === null) return false;
      const missing = space.missingBytes(bytes);
      if (missing === 0) {
        this.#isFull = false;
        return true;
      }
      const ahead = Math.min(space.capBytes * EVICT_AHEAD_SHARE, EVICT_AHEAD_BYTES_MAX);
      if (await this.#evictSome(missing + ahead)) continue;
      // What came since the last commit is not in the queue yet.
      if (isFlushed) break;
      isFlushed = true;
      this.#deps.flush();
    }
    // What was found in the way of evicting ahead may do.
    this.#isFull = this.#deps.queue() === null || space.missingBytes(bytes) > 0;
    return !this.#isFull;
  }

  /** Evicts up to EVICTIONS_AT_ONCE_MAX objects; false when there was none to evict. */
  async #evictSome(bytes: number): Promise<boolean> {
    const running: Promise<void>[] = [];
    for (let found = 0; found < bytes && running.length < EVICTIONS_AT_ONCE_MAX; ) {
      const queue = this.#deps.queue();
      if (queue === null) break;
      const victim = this.#pick(queue);
      if (victim === undefined) break;
      if (victim === 'pause') {
        await new Promise(setImmediate);
        continue;
      }
      found += victim.storedBytes;
      running.push(this.#deps.evict(victim.id, victim.storedBytes));
    }
    await Promise.all(running);
    return running.length > 0;
  }

  #pick(queue: EvictionQueue): ReturnType<Sieve['pick']> {
    try {
      return this.#deps.sieve().pick(queue, this.#deps.isPinned);
    } catch (error) {
      this.#deps.onQueueError(error);
      return undefined;
    }
  }

  /**
   * On a file system that is nearly full a promise is kept only by allotting the blocks: whoever else writes there may be faster.
   * A file system that cannot do it is believed.
   */
  async #allot(object: CacheObject, chunks: readonly number[], bytes: number): Promise<boolean> {
    const { space } = this.#deps;
    if (native === undefined || object.fd < 0) return true;
    for (let tries = 0; tries < 2; tries += 1) {
      if (chunks.every((chunk) => allotChunk(object, chunk))) return true;
      if (space.missingBytes(bytes) === 0) return true;
      if (!(await this.#makeRoom(bytes))) return false;
    }
    return false;
  }
}

function allotChunk(object: CacheObject, chunk: number): boolean {
  const start = object.chunks.chunkEnd(chunk) - object.chunks.chunkBytes(chunk);
  return native?.preallocate(object.fd, start, object.chunks.chunkBytes(chunk)) ?? true;
}

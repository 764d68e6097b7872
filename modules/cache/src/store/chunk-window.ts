// Objects larger than half of a drive are kept in part: a window of their chunks, the ones that came first go first. What readers are about
// to read stays.
//
// INVARIANTS
// - A chunk is taken out of the map first; its blocks are given back PUNCH_AFTER_MS later, because another thread may have seen it there and
//   be handing it to the kernel just now.
// - A chunk that is wanted again before that keeps its blocks: reserving it takes it off the list.

import type { CacheObject } from './cache-object.ts';
import { CHUNK_BYTES, chunkStart } from './chunk-map.ts';
import { native } from './native.ts';

/** A larger object would push out everything else. */
const WHOLE_SHARE_OF_DRIVE_MAX = 0.5;
/** Share of the drive's cap that an object kept in part may take. */
const WINDOW_SHARE_OF_DRIVE = 0.25;
/** A smaller window would not hold what the lanes of a few readers bring; on such a drive large objects pass through unstored. */
const WINDOW_BYTES_MIN = 128 * CHUNK_BYTES;
/** Above this share of the window old chunks go, down to the second share. */
const FULL_SHARE = 0.75;
const LEFT_SHARE = 0.5;
/** From taking a chunk out of the map to giving its blocks back: far longer than a thread is between looking and sending. */
const PUNCH_AFTER_MS = 2000;
/** Chunks from a reader's position on that stay. */
const KEPT_AHEAD_CHUNKS = 16;
/** How long a reservation waits for room in the window; readers give up after 20 s. */
const WAIT_MS_MAX = 8000;
const WAIT_STEP_MS = 100;

/** Bytes that an object of this size may take on a drive; undefined when it is not kept at all, Infinity when it is kept whole. */
export function windowBytes(sizeBytes: number, capBytes: number): number | undefined {
  if (sizeBytes <= capBytes * WHOLE_SHARE_OF_DRIVE_MAX) return Number.POSITIVE_INFINITY;
  const bytes = Math.floor(capBytes * WINDOW_SHARE_OF_DRIVE);
  return native === undefined || bytes < WINDOW_BYTES_MIN ? undefined : bytes;
}

/** The drive's room, as far as a window needs it. */
export interface WindowSpace {
  /** Bytes as the file system allots them. */
  blocks(bytes: number): number;
  /** The drive has so many bytes back. */
  give(bytes: number): void;
}

/** The window of one object. */
export class ChunkWindow {
  readonly #object: CacheObject;
  readonly #maxBytes: number;
  readonly #space: WindowSpace;
  /** Chunks that may hold blocks, in the order in which they came. */
  readonly #order = new Set<number>();
  /** Chunks out of the map whose blocks are still there, with the time since when. */
  readonly #dropped = new Map<number, number>();
  #timer: NodeJS.Timeout | null = null;
  #isSupported = true;

  constructor(object: CacheObject, maxBytes: number, space: WindowSpace) {
    this.#object = object;
    this.#maxBytes = maxBytes;
    this.#space = space;
    for (let chunk = 0; chunk < object.chunks.count; chunk += 1) if (object.isReserved(chunk)) this.#order.add(chunk);
  }

  /** Waits until chunks [from, to) fit the window; false when they do not in time. */
  async admit(from: number, to: number): Promise<boolean> {
    for (let chunk = from; chunk < to; chunk += 1) {
      this.#dropped.delete(chunk);
      this.#order.delete(chunk);
      this.#order.add(chunk);
    }
    for (let waitedMs = 0; ; waitedMs += WAIT_STEP_MS) {
      const bytes = this.#bytesOf(from, to);
      if (this.#object.storedBytes + bytes > this.#maxBytes * FULL_SHARE) this.#drop(from, to);
      if (this.#object.storedBytes + bytes <= this.#maxBytes) return true;
      if (waitedMs >= WAIT_MS_MAX || this.#object.isObsolete || !this.#isSupported) return false;
      await new Promise((resolve) => setTimeout(resolve, WAIT_STEP_MS));
    }
  }

  #bytesOf(from: number, to: number): number {
    let bytes = 0;
    for (let chunk = from; chunk < to; chunk += 1)
      if (!this.#object.isReserved(chunk)) bytes += this.#space.blocks(this.#object.chunks.chunkBytes(chunk));
    return bytes;
  }

  /** Takes old chunks out of the map, but those that are coming, wanted now, or just ahead of a reader. */
  #drop(from: number, to: number): void {
    const { chunks, work } = this.#object;
    const positions = [...(work?.positions ?? [])].map((position) => Math.floor(position / CHUNK_BYTES));
    const isKept = (chunk: number) =>
      (chunk >= from && chunk < to) || positions.some((at) => chunk >= at && chunk < at + KEPT_AHEAD_CHUNKS);
    let goal = this.#object.storedBytes - this.#dropped.size * CHUNK_BYTES - this.#maxBytes * LEFT_SHARE;
    for (const chunk of this.#order) {
      if (goal <= 0) break;
      if (this.#dropped.has(chunk) || !chunks.has(chunk) || isKept(chunk)) continue;
      this.#object.dropChunk(chunk);
      this.#dropped.set(chunk, performance.now());
      goal -= CHUNK_BYTES;
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#dropped.size === 0 || this.#timer !== null) return;
    const [oldestMs = 0] = this.#dropped.values();
    this.#timer = setTimeout(() => this.#punch(), Math.max(1, oldestMs + PUNCH_AFTER_MS - performance.now()));
  }

  /** Gives the blocks of chunks back that were dropped long enough ago. */
  #punch(): void {
    this.#timer = null;
    const object = this.#object;
    if (object.isObsolete || object.fd < 0) return;
    const beforeMs = performance.now() - PUNCH_AFTER_MS;
    object.noteOwnWrite();
    for (const [chunk, droppedAtMs] of this.#dropped) {
      if (droppedAtMs > beforeMs) break;
      this.#dropped.delete(chunk);
      const bytes = object.chunks.chunkBytes(chunk);
      if (native?.punchHole(object.fd, chunkStart(chunk), bytes) !== true) {
        this.#isSupported = false;
        break;
      }
      const blocks = this.#space.blocks(bytes);
      this.#order.delete(chunk);
      object.unsetReserved(chunk);
      object.storedBytes -= blocks;
      this.#space.give(blocks);
    }
    if (object.work?.isActive !== true) object.noteWritten();
    object.drive.markDirty(object);
    this.#schedule();
  }
}

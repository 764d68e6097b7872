// One client's way through an object's bytes: from the file where they are there and checked, behind a transfer's mark where they are coming.

import type { BodyReader } from '../deliver/body-reader.ts';
import type { CacheObject } from '../store/cache-object.ts';
import type { ChunkLoader } from '../store/chunk-loader.ts';
import { chunkOf } from '../store/chunk-map.ts';
import type { FillReader, ObjectFill } from './object-fill.ts';

/** Chunks looked at ahead of one send. */
const READY_AHEAD_CHUNKS_MAX = 4;

export class ObjectReader implements FillReader, BodyReader {
  readonly object: CacheObject;
  readonly fd: number;
  position: number;
  end: number;
  wake: ((error?: Error) => void) | null = null;
  readonly #loader: ChunkLoader;
  readonly #fillOf: () => ObjectFill;
  readonly #last: number;
  #fill: ObjectFill | null = null;
  #isClosed = false;

  /**
   * @param start first byte
   * @param end byte after the last
   * @param fillOf the object's fill, made when the first byte is missing
   */
  constructor(object: CacheObject, start: number, end: number, loader: ChunkLoader, fillOf: () => ObjectFill) {
    this.object = object;
    this.position = start;
    this.end = end;
    this.#last = end;
    this.#loader = loader;
    this.#fillOf = fillOf;
    object.retain();
    this.fd = object.fd;
    if (
      !object.chunks.isComplete &&
      object.chunks.firstMissing(chunkOf(start), chunkOf(Math.max(start, end - 1)) + 1) >= 0
    ) {
      this.#joinFill();
    }
  }

  /** Lets the fill go on beyond what this client asked. */
  readAhead(bytes: number): void {
    if (bytes === 0) return;
    this.end = Math.min(this.object.sizeBytes, this.#last + bytes);
    this.#joinFill().advance();
  }

  /** Offset up to which bytes from `position` on can be sent right now; `position` when none. */
  readableEnd(position: number): number {
    this.position = position;
    const { chunks } = this.object;
    let reached = position;
    for (let i = 0; i < READY_AHEAD_CHUNKS_MAX && reached < this.#last; i += 1) {
      const chunk = chunkOf(reached);
      if (!chunks.has(chunk)) {
        reached = chunks.filledEnd(reached);
        break;
      }
      if (!this.#loader.isReady(this.object, chunk)) break;
      reached = chunks.chunkEnd(chunk);
    }
    return Math.min(this.#last, reached);
  }

  /** Calls back once when `position` is readable, or with the reason why it will not be. Not called after close(). */
  wait(position: number, wake: (error?: Error) => void): void {
    this.position = position;
    const chunk = chunkOf(position);
    if (!this.object.chunks.has(chunk)) {
      this.#joinFill().wait(this, wake);
      return;
    }
    this.#loader.load(this.object, chunk).then(
      () => this.#isClosed || wake(),
      (error: Error) => this.#isClosed || wake(error),
    );
    // The next one is read while this one is on its way.
    const next = chunk + 1;
    if (
      next < chunkOf(this.#last - 1) + 1 &&
      this.object.chunks.has(next) &&
      !this.#loader.isReady(this.object, next)
    ) {
      this.#loader.load(this.object, next).catch(() => {});
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#fill?.leave(this);
    this.object.release();
  }

  #joinFill(): ObjectFill {
    if (this.#fill === null) {
      this.#fill = this.#fillOf();
      this.#fill.join(this);
    }
    return this.#fill;
  }
}

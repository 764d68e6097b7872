// Writes the bytes of one response into an object's file in order, and completes chunks: CRC first, then the map, never the other way round.

import { writev } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { CacheObject } from '../store/cache-object.ts';
import { CHUNK_BYTES, chunkOf, chunkStart } from '../store/chunk-map.ts';
import { HotBodies } from '../store/hot-bodies.ts';

/** Received but not yet written; above it the origin's connection is paused. */
export const UNWRITTEN_BYTES_MAX = 1024 * 1024;
/** One writev: buffers (IOV_MAX is 1024). */
const WRITE_BUFFERS_MAX = 256;

export interface ChunkWriterEvents {
  /** Bytes up to the mark are in the file and may be read. */
  onProgress(): void;
  /** Too much is waiting to be written, or no longer. */
  onBackpressure(isPaused: boolean): void;
  onError(error: Error): void;
}

/**
 * INVARIANTS
 * - All bytes of [start, mark) are in the file; chunks wholly inside are in the map.
 * - One write at a time, at the mark: what comes meanwhile waits in the queue, whoever calls from inside an event.
 */
export class ChunkWriter {
  readonly #object: CacheObject;
  readonly #events: ChunkWriterEvents;
  readonly #warmUntil: () => number;
  readonly #hotBodies: HotBodies;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #isWriting = false;
  #isPaused = false;
  #isStopped = false;
  #mark: number;
  #crc = 0;
  /** Pieces of a small object, for its copy in memory. */
  #small: Buffer[] | null;
  #drained: (() => void) | null = null;

  constructor(
    object: CacheObject,
    start: number,
    hotBodies: HotBodies,
    warmUntil: () => number,
    events: ChunkWriterEvents,
  ) {
    if (start % CHUNK_BYTES !== 0) throw new Error(`Writer must start at a chunk, got ${start}`);
    this.#object = object;
    this.#mark = start;
    this.#events = events;
    this.#hotBodies = hotBodies;
    this.#warmUntil = warmUntil;
    this.#small = start === 0 && HotBodies.fits(object) ? [] : null;
  }

  get mark(): number {
    return this.#mark;
  }

  /** Offset after everything received, written or not. */
  get received(): number {
    return this.#mark + this.#queuedBytes;
  }

  write(piece: Buffer): void {
    if (this.#isStopped || piece.length === 0) return;
    this.#queue.push(piece);
    this.#queuedBytes += piece.length;
    if (!this.#isPaused && this.#queuedBytes > UNWRITTEN_BYTES_MAX) {
      this.#isPaused = true;
      this.#events.onBackpressure(true);
    }
    if (!this.#isWriting) this.#writeNext();
  }

  /** Resolves when everything received is in the file. */
  drain(): Promise<void> {
    if (!this.#isWriting && this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  /** Takes nothing more; what is being written still ends. */
  stop(): void {
    // A chunk that stays unfinished has no CRC: nobody reads it until it comes again.
    if (!this.#isStopped && this.#mark % CHUNK_BYTES !== 0) this.#object.chunks.fill(chunkOf(this.#mark), 0);
    this.#isStopped = true;
    this.#queue = [];
    this.#drained?.();
  }

  #writeNext(): void {
    const buffers = this.#queue.splice(0, WRITE_BUFFERS_MAX);
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    this.#isWriting = true;
    this.#object.noteOwnWrite();
    this.#writeAll(buffers, bytes, this.#mark, (error) => {
      if (this.#isStopped) return;
      if (error) {
        this.stop();
        this.#events.onError(error);
        return;
      }
      this.#queuedBytes -= bytes;
      this.#advance(buffers);
      this.#events.onProgress();
      if (this.#isPaused && this.#queuedBytes <= UNWRITTEN_BYTES_MAX / 2) {
        this.#isPaused = false;
        // May hand over pieces before it returns; the writer still counts as writing, so they only join the queue.
        this.#events.onBackpressure(false);
      }
      this.#isWriting = false;
      if (this.#isStopped) return;
      if (this.#queue.length > 0) this.#writeNext();
      else this.#drained?.();
    });
  }

  /** writev may write less than asked (a signal, a full disk): the rest follows. */
  #writeAll(buffers: Buffer[], bytes: number, position: number, done: (error: Error | null) => void): void {
    writev(this.#object.fd, buffers, position, (error, written) => {
      if (error) done(error);
      else if (written === bytes) done(null);
      else if (written === 0) done(new Error('nothing could be written'));
      else this.#writeAll([Buffer.concat(buffers).subarray(written)], bytes - written, position + written, done);
    });
  }

  #advance(buffers: Buffer[]): void {
    for (const buffer of buffers) {
      this.#small?.push(buffer);
      let from = 0;
      while (from < buffer.length) {
        const chunk = chunkOf(this.#mark);
        const end = this.#object.chunks.chunkEnd(chunk);
        const take = Math.min(buffer.length - from, end - this.#mark);
        this.#crc = crc32(buffer.subarray(from, from + take), this.#crc);
        this.#mark += take;
        from += take;
        if (this.#mark === end) this.#completeChunk(chunk);
        else this.#object.chunks.fill(chunk, this.#mark - chunkStart(chunk));
        if (take === 0) return;
      }
    }
  }

  #completeChunk(chunk: number): void {
    this.#object.completeChunk(chunk, this.#crc, this.#warmUntil());
    this.#crc = 0;
    if (this.#small !== null && this.#object.chunks.isComplete) {
      this.#hotBodies.put(this.#object, Buffer.concat(this.#small));
      this.#small = null;
    }
  }
}

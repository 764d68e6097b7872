// Brings chunks into memory off the event loop and checks their CRC before they are served: sendfile of a cold page would stop everything else.

import { crc32 } from 'node:zlib';
import { EdgeError, type Logger, Semaphore } from '@wayside/kit';
import type { CacheObject } from './cache-object.ts';
import { CHUNK_BYTES, chunkStart } from './chunk-map.ts';
import { isChunkReady, warmUntilSecs } from './chunk-readiness.ts';
import { HotBodies } from './hot-bodies.ts';

/** Chunks read at the same time: the thread pool has 4 threads, more only queue there. */
const LOADS_MAX = 8;

export class ChunkLoader {
  readonly #slots = new Semaphore(LOADS_MAX);
  readonly #buffers: Buffer[] = [];
  readonly #loading = new Map<CacheObject, Map<number, Promise<void>>>();
  readonly #hotBodies: HotBodies;
  readonly #logger: Logger;
  corruptChunks = 0;
  readErrors = 0;
  coldLoads = 0;

  constructor(hotBodies: HotBodies, logger: Logger) {
    this.#hotBodies = hotBodies;
    this.#logger = logger;
  }

  warmUntil(): number {
    return warmUntilSecs();
  }

  /** Checked and in memory: may be sent from the event loop. */
  isReady(object: CacheObject, chunk: number): boolean {
    return isChunkReady(object, chunk);
  }

  /**
   * Reads and checks a chunk. A bad or unreadable one is dropped from the map, to be fetched again: one sector fails no request.
   * Rejects when this process can open no file.
   */
  load(object: CacheObject, chunk: number): Promise<void> {
    let chunks = this.#loading.get(object);
    if (chunks === undefined) {
      chunks = new Map();
      this.#loading.set(object, chunks);
    }
    const running = chunks.get(chunk);
    if (running !== undefined) return running;
    const mine = chunks;
    const run = this.#slots
      .run(() => this.#read(object, chunk))
      .finally(() => {
        mine.delete(chunk);
        if (mine.size === 0) this.#loading.delete(object);
      });
    mine.set(chunk, run);
    return run;
  }

  async #read(object: CacheObject, chunk: number): Promise<void> {
    object.retain();
    const buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    try {
      const wanted = object.chunks.chunkBytes(chunk);
      const got = await object.readStored(buffer, wanted, chunkStart(chunk));
      this.coldLoads += 1;
      if (!object.chunks.has(chunk)) return;
      const body = buffer.subarray(0, got);
      if (got !== wanted || crc32(body) !== object.chunks.crc(chunk)) {
        this.corruptChunks += 1;
        this.#logger.error('Stored chunk is damaged, it is fetched again', {
          code: 'CACHE_CHUNK_CORRUPT',
          key: object.key,
          drive: object.drive.path,
          chunk,
        });
        object.dropChunk(chunk);
        return;
      }
      object.setReady(chunk, this.warmUntil());
      if (HotBodies.fits(object)) this.#hotBodies.put(object, body);
    } catch (error) {
      this.readErrors += 1;
      object.drive.noteError(error);
      // Fetched again and written anew, which makes a disk give the sector another place. An object that is obsolete by now tells its reader.
      if (object.fd >= 0 || object.isSmall) {
        object.dropChunk(chunk);
        return;
      }
      throw new EdgeError('CACHE_DRIVE_FAILED', `Cannot read from drive ${object.drive.path}`, { cause: error });
    } finally {
      this.#buffers.push(buffer);
      object.release();
    }
  }
}

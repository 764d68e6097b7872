// Bodies of small objects on their way into the slab files: gathered for a moment and written together, then noted for the index.
//
// INVARIANTS
// - An object is noted for the index after its body is in the file, never before.
// - Until then its body stays in memory with the object, whatever else drops its copy.

import type { CacheObject } from '../cache-object.ts';
import type { SlabFiles } from './slab-files.ts';

/** Bodies are gathered this long: the index is written every 100 ms anyway. */
const GATHER_MS = 20;
/** One write: two pieces a body, and a writev takes 1024. */
const WRITE_BODIES_MAX = 256;
/** Bodies in memory that wait for their write; above it no new small object is made. */
const UNWRITTEN_BYTES_MAX = 16 * 1024 * 1024;

export interface SlabWriterEvents {
  onWritten(object: CacheObject): void;
  /** The body could not be written. */
  onFailed(object: CacheObject, error: unknown): void;
}

export class SlabWriter {
  readonly #files: SlabFiles;
  readonly #events: SlabWriterEvents;
  #queue: CacheObject[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;

  constructor(files: SlabFiles, events: SlabWriterEvents) {
    this.#files = files;
    this.#events = events;
  }

  get takesMore(): boolean {
    return this.#files.isUsable && this.#bytes < UNWRITTEN_BYTES_MAX;
  }

  /** Takes the body that `object.unwritten` is. */
  add(object: CacheObject): void {
    this.#queue.push(object);
    this.#bytes += object.sizeBytes;
    if (this.#queue.length >= WRITE_BODIES_MAX && this.#writing === null) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), GATHER_MS);
  }

  /** Resolves when everything taken up to now is written, or could not be. */
  async idle(): Promise<void> {
    while (this.#queue.length > 0 || this.#writing !== null) {
      this.#start();
      await this.#writing;
    }
  }

  /** Gives the room of an object's body back. @returns false when the file system keeps it */
  async release(object: CacheObject): Promise<boolean> {
    // Not begun: it is passed over when its turn comes.
    if (object.unwritten !== null && object.place < 0 && !object.isBeingWritten) {
      object.unwritten = null;
      return true;
    }
    if (object.isBeingWritten) await this.#writing;
    return object.place < 0 || (await this.#files.free(object.place, object.sizeBytes));
  }

  #start(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#queue.length === 0 || this.#writing !== null) return;
    this.#writing = this.#run().finally(() => {
      this.#writing = null;
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) await this.#writeSome(this.#queue.splice(0, WRITE_BODIES_MAX));
  }

  async #writeSome(taken: readonly CacheObject[]): Promise<void> {
    // Those that were dropped meanwhile, with their drive or alone, are passed over.
    const objects = taken.filter((object) => object.unwritten !== null && !object.isObsolete);
    for (const object of objects) object.isBeingWritten = true;
    let failure: unknown = null;
    try {
      const places =
        objects.length === 0 ? [] : await this.#files.append(objects.map(({ unwritten }) => unwritten as Buffer));
      for (const [i, object] of objects.entries()) object.place = places[i] as number;
    } catch (error) {
      failure = error;
    }
    for (const object of taken) {
      this.#bytes -= object.sizeBytes;
      if (object.isObsolete) object.unwritten = null;
    }
    for (const object of objects) {
      object.isBeingWritten = false;
      object.unwritten = null;
      if (failure !== null) this.#events.onFailed(object, failure);
      else if (!object.isObsolete) this.#events.onWritten(object);
    }
  }
}

// Bodies of small objects in memory, so that a small hit is one write without a file. Bounded by bytes, oldest use first out.

import type { CacheObject } from './cache-object.ts';

/** Larger bodies go from the file by sendfile. */
const HOT_BODY_BYTES_MAX = 64 * 1024;
const HOT_BODIES_BYTES_MAX = 64 * 1024 * 1024;

export class HotBodies {
  readonly #objects = new Set<CacheObject>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  static fits(object: CacheObject): boolean {
    return object.sizeBytes <= HOT_BODY_BYTES_MAX;
  }

  /** Keeps a body that was checked or has just come from the origin. */
  put(object: CacheObject, body: Buffer): void {
    if (object.isObsolete || body.length !== object.sizeBytes) return;
    this.drop(object);
    // A copy of its own: a piece of a pooled buffer would hold the whole pool.
    object.hotBody = object.state.slots > 1 ? sharedCopy(body) : Buffer.from(body);
    this.#objects.add(object);
    this.#bytes += body.length;
    for (const oldest of this.#objects) {
      if (this.#bytes <= HOT_BODIES_BYTES_MAX) break;
      this.drop(oldest);
    }
  }

  drop(object: CacheObject): void {
    if (!this.#objects.delete(object)) return;
    this.#bytes -= object.sizeBytes;
    object.hotBody = null;
  }

  dropAll(): void {
    for (const object of this.#objects) this.drop(object);
  }
}

/** One body for all threads. */
function sharedCopy(body: Buffer): Buffer {
  const copy = Buffer.from(new SharedArrayBuffer(body.length));
  body.copy(copy);
  return copy;
}

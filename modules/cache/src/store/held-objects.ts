// Objects that no new request gets, but whose files readers still have open, on whatever thread: they are closed when the last one is done.

import type { CacheObject } from './cache-object.ts';

export class HeldObjects {
  readonly #objects = new Set<CacheObject>();

  get count(): number {
    return this.#objects.size;
  }

  add(object: CacheObject): void {
    this.#objects.add(object);
  }

  delete(object: CacheObject): void {
    this.#objects.delete(object);
  }

  find(key: string, id: number): CacheObject | undefined {
    for (const object of this.#objects) if (object.id === id && object.key === key) return object;
    return undefined;
  }

  /** Closes those that nobody uses any more. */
  closeReleased(): void {
    for (const object of [...this.#objects]) object.closeFile();
  }

  values(): Iterable<CacheObject> {
    return this.#objects;
  }
}

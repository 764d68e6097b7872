// The replicas of one delivery thread, by key: what was used lately stays (second chance). Bounded by number, and by the bodies they hold.

import type { Replica } from './replica.ts';

export const REPLICAS_MAX = 20_000;
/** Bodies are shared by all threads; this bounds what this thread alone still holds after the engine let go of it. */
const BODIES_BYTES_MAX = 64 * 1024 * 1024;

export class Replicas {
  readonly #byKey = new Map<string, Replica>();
  readonly #max: number;
  /** Used until the end of this turn. */
  #pinned: Replica[] = [];
  #bodiesBytes = 0;

  constructor(max = REPLICAS_MAX) {
    this.#max = max;
  }

  get count(): number {
    return this.#byKey.size;
  }

  /** The replica of a key, if the engine changed nothing since. */
  find(key: string): Replica | undefined {
    const found = this.#byKey.get(key);
    if (found === undefined) return undefined;
    if (!found.isCurrent) {
      this.#drop(found);
      return undefined;
    }
    found.isUsed = true;
    return found;
  }

  /**
   * As find(), with the file kept open until the end of this turn: whoever sends takes a use of its own before then.
   * The descriptor is looked at after this, so it is either gone already or stays.
   */
  pin(key: string): Replica | undefined {
    const found = this.find(key);
    if (found === undefined) return undefined;
    found.retain();
    if (this.#pinned.push(found) === 1) queueMicrotask(() => this.#unpin());
    return found;
  }

  #unpin(): void {
    const pinned = this.#pinned;
    this.#pinned = [];
    for (const replica of pinned) replica.release();
  }

  put(replica: Replica): void {
    const former = this.#byKey.get(replica.key);
    if (former !== undefined) this.#drop(former);
    this.#byKey.set(replica.key, replica);
    this.#bodiesBytes += replica.bodyBytes;
    for (const oldest of this.#byKey.values()) {
      if (this.#byKey.size <= this.#max && this.#bodiesBytes <= BODIES_BYTES_MAX) break;
      this.#drop(oldest);
      // The new one has not had its chance yet; one that was used gets another.
      if (!oldest.isUsed || oldest === replica) continue;
      oldest.isUsed = false;
      this.#byKey.set(oldest.key, oldest);
      this.#bodiesBytes += oldest.bodyBytes;
    }
  }

  #drop(replica: Replica): void {
    this.#byKey.delete(replica.key);
    this.#bodiesBytes -= replica.bodyBytes;
  }
}

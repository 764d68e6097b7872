// How objects leave one drive: first nobody finds them, then their bytes go, then their room counts as free. Readers go on to their end.

import { unlink } from 'node:fs/promises';
import type { CacheObject } from './cache-object.ts';
import type { DriveIndex, ObjectRow } from './drive-index.ts';
import type { DriveSpace } from './drive-space.ts';
import type { IndexLog } from './index-log.ts';
import type { Sieve } from './sieve.ts';
import type { SlabFiles } from './slabs/slab-files.ts';
import type { SlabWriter } from './slabs/slab-writer.ts';

export interface ObjectRemovalDeps {
  /** Objects in memory, by id. */
  live: Map<number, CacheObject>;
  log: IndexLog;
  space: DriveSpace;
  slabs: SlabFiles;
  slabWriter: SlabWriter;
  sieve(): Sieve;
  /** Undefined while the drive is out. */
  read<T>(fn: (index: DriveIndex) => T): T | undefined;
  objectPath(id: number): string;
  /** Counts how often the drive came into service. */
  generation(): number;
  onGone(key: string): void;
  onError(error: unknown): void;
}

export class ObjectRemoval {
  readonly #deps: ObjectRemovalDeps;
  /** Something was left behind that no row knows: a sweep will find it. */
  leavesOrphans = false;

  constructor(deps: ObjectRemovalDeps) {
    this.#deps = deps;
  }

  /** Drops what a row stands for, loaded or not. */
  async removeRow({ id, storedBytes }: Pick<ObjectRow, 'id' | 'storedBytes'>): Promise<void> {
    const { live, log, slabs } = this.#deps;
    const object = live.get(id);
    if (object !== undefined) return this.remove(object);
    if (log.isRemoved(id)) return;
    const generation = this.#deps.generation();
    const small = this.#deps.read((index) => index.small(id));
    log.remove(id);
    this.#deps.sieve().forget(id);
    if (small === undefined) await this.#unlink(id);
    else if (!(await this.#isFreed(slabs.free(small.place, small.sizeBytes)))) return;
    this.#give(storedBytes, generation);
  }

  /** Drops an object: new requests do not find it, its room is free once the file is gone. Readers keep their open file. */
  async remove(object: CacheObject): Promise<void> {
    if (object.isObsolete) return;
    const { live, log, slabWriter } = this.#deps;
    const generation = this.#deps.generation();
    object.setObsolete();
    object.hotBody = null;
    live.delete(object.id);
    this.#deps.onGone(object.key);
    log.remove(object.id, object);
    this.#deps.sieve().forget(object.id);
    if (object.isSmall) {
      if (await this.#isFreed(slabWriter.release(object))) this.#give(object.storedBytes, generation);
      return;
    }
    object.closeFile();
    await this.#unlink(object.id);
    const isFree = new Promise<void>((resolve) => {
      object.afterClose(() => {
        this.#give(object.storedBytes, generation);
        resolve();
      });
    });
    // A slow reader may hold the file for long; its bytes count until it is done.
    if (object.fd < 0) await isFree;
  }

  /** What was taken before the drive was out is not counted any more since it is back. */
  #give(bytes: number, generation: number): void {
    if (generation === this.#deps.generation()) this.#deps.space.give(bytes);
  }

  /** False where blocks could not be given back; they count on until a sweep finds them. */
  async #isFreed(freeing: Promise<boolean>): Promise<boolean> {
    const isFree = await freeing.catch((error) => {
      this.#deps.onError(error);
      return false;
    });
    if (!isFree) this.leavesOrphans = true;
    return isFree;
  }

  async #unlink(id: number): Promise<void> {
    try {
      await unlink(this.#deps.objectPath(id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.leavesOrphans = true;
      this.#deps.onError(error);
    }
  }
}

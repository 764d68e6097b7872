// A delivery thread's copy of what the engine said of an object, over the state both share. Good for as long as the engine changed nothing.

import { ChunkView, chunkCount } from '../store/chunk-map.ts';
import { ObjectState } from '../store/object-state.ts';
import { ObjectView } from '../store/object-view.ts';
import type { ObjectDescription } from './messages.ts';

export class Replica extends ObjectView {
  /** What its body in memory takes. */
  readonly bodyBytes: number;
  /** Found since the table last looked at it. */
  isUsed = false;
  readonly #version: number;
  readonly #onReleased: () => void;

  /** @param onReleased a use of an object was given back that the engine may be waiting to close */
  constructor(description: ObjectDescription, slots: number, slot: number, onReleased: () => void) {
    const { id, key, sizeBytes, isSmall, meta, memory, version, hotBody } = description;
    const state = new ObjectState(chunkCount(sizeBytes), slots, slot, memory);
    super(id, key, meta, new ChunkView(sizeBytes, state), state, isSmall);
    this.#version = version;
    this.#onReleased = onReleased;
    this.bodyBytes = hotBody === null ? 0 : sizeBytes;
    if (hotBody !== null) this.hotBody = Buffer.from(hotBody);
  }

  /** The engine changed nothing since it described the object: headers, freshness and body are as here, and it is not obsolete. */
  get isCurrent(): boolean {
    return this.state.version === this.#version && !this.isObsolete;
  }

  override release(): void {
    super.release();
    if (this.isObsolete) this.#onReleased();
  }
}

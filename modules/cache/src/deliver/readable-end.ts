// How far an object can be sent right now: chunk after chunk that is there, checked and in memory, and what a fill has written of the next.

import { chunkOf } from '../store/chunk-map.ts';
import { isChunkReady } from '../store/chunk-readiness.ts';
import type { ObjectView } from '../store/object-view.ts';

/** Chunks looked at ahead of one send. */
const READY_AHEAD_CHUNKS_MAX = 4;

/** Offset up to which the bytes from `position` on can be sent from an event loop, at most `last`; `position` when none. */
export function readableEnd(object: ObjectView, fd: number, position: number, last: number): number {
  const { chunks } = object;
  let reached = position;
  for (let i = 0; i < READY_AHEAD_CHUNKS_MAX && reached < last; i += 1) {
    const chunk = chunkOf(reached);
    if (!chunks.has(chunk)) {
      reached = chunks.filledEnd(reached);
      break;
    }
    if (!isChunkReady(object, chunk, fd)) break;
    reached = chunks.chunkEnd(chunk);
  }
  return Math.min(last, reached);
}

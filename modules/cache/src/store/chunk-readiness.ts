// Whether a chunk may be sent from an event loop: its CRC was checked and its pages are in memory. Asks the kernel, not the engine.

import { chunkStart } from './chunk-map.ts';
import { monotonicSecs } from './monotonic-clock.ts';
import type { ObjectView } from './object-view.ts';
import { cachedPages } from './page-cache.ts';

/** A chunk that was read or written counts as being in memory this long; then the kernel is asked. */
const WARM_SECS = 10;
const PAGE_BYTES = 4096;

/** Second of monotonicSecs() until which a chunk that was read or written just now is taken as being in memory. */
export function warmUntilSecs(): number {
  return monotonicSecs() + WARM_SECS;
}

/** Checked and in memory. @param fd the object's file, in use by the caller */
export function isChunkReady(object: ObjectView, chunk: number, fd = object.fd): boolean {
  const { state } = object;
  if (state.isReady(chunk, monotonicSecs())) return true;
  if (!state.isVerified(chunk)) return false;
  const bytes = object.chunks.chunkBytes(chunk);
  const pages = cachedPages(fd, chunkStart(chunk), bytes);
  if (pages === undefined || pages < Math.ceil(bytes / PAGE_BYTES)) return false;
  state.prolongReady(chunk, warmUntilSecs());
  return true;
}

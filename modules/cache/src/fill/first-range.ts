// What to ask for when nothing is known of an object yet: whole chunks around the client's range, never more than one segment.

import type { RangeSpec } from '../request/byte-range.ts';
import { CHUNK_BYTES, chunkOf, chunkStart } from '../store/chunk-map.ts';
import { SEGMENT_CHUNKS_MAX } from './segments.ts';

/**
 * Range header for the first request upstream. Even a whole object is asked for by its first segment: further segments then come in
 * parallel and only the bytes somebody wants are fetched. An origin that ignores Range answers 200 with everything, which is as good.
 */
export function firstRange(spec: RangeSpec | undefined): string {
  if (spec === undefined) return spanRange(0, null);
  // Of an unknown size the chunk borders are unknown too: one chunk more in front surely holds the border before the suffix.
  if ('suffix' in spec) return `bytes=-${Math.min(spec.suffix, SEGMENT_CHUNKS_MAX * CHUNK_BYTES) + CHUNK_BYTES}`;
  return spanRange(spec.first, spec.last);
}

function spanRange(first: number, last: number | null): string {
  const from = chunkOf(first);
  const to = last === null ? Number.POSITIVE_INFINITY : chunkOf(last) + 1;
  const end = chunkStart(Math.min(to, from + SEGMENT_CHUNKS_MAX));
  return `bytes=${chunkStart(from)}-${end - 1}`;
}

/**
 * Chunks that the bytes [start, end) of an object fill: [from, to), empty when from >= to.
 * @param isRanged the rest of a chunk whose beginning is there can be asked for (RFC 9111 3.4), so it counts
 */
export function wholeChunks(
  start: number,
  end: number,
  sizeBytes: number,
  isRanged = false,
): { from: number; to: number } {
  const to = end >= sizeBytes || isRanged ? Math.ceil(end / CHUNK_BYTES) : chunkOf(end);
  return { from: Math.ceil(start / CHUNK_BYTES), to };
}

// Which bytes to ask the origin for next: pure planning over the chunk map, the running transfers and the readers' wishes.

import type { ChunkMap } from '../store/chunk-map.ts';

/** Chunks one request to the origin brings at most: several lanes fill one object, and a break costs little. */
export const SEGMENT_CHUNKS_MAX = 8;
/** Requests at a time that run ahead of one object's readers. */
export const LANES_MAX = 4;

/** Chunks [from, to). */
export interface ChunkSpan {
  from: number;
  to: number;
}

/** What one reader still wants: from its position on. */
export interface Wish extends ChunkSpan {
  /** The reader waits for its first chunk now. */
  isWaiting: boolean;
}

export interface SegmentPlanInput {
  chunks: Pick<ChunkMap, 'has'>;
  running: readonly ChunkSpan[];
  wishes: readonly Wish[];
  /** Running transfers allowed for wishes that nobody waits for yet. */
  lanesMax?: number;
}

/**
 * Segments to start now. Every waiting reader's next chunk gets a transfer at once; further segments are started in the order of the
 * wishes as long as there are free lanes. A chunk is never in two segments.
 */
export function planSegments({ chunks, running, wishes, lanesMax = LANES_MAX }: SegmentPlanInput): ChunkSpan[] {
  const planned: ChunkSpan[] = [];
  const isTaken = (chunk: number) => chunks.has(chunk) || covers(running, chunk) || covers(planned, chunk);
  for (const wish of wishes) {
    if (!wish.isWaiting || wish.from >= wish.to || isTaken(wish.from)) continue;
    planned.push(extend(wish.from, wish.to, isTaken));
  }
  for (const wish of wishes) {
    for (let chunk = wish.from; chunk < wish.to; ) {
      if (running.length + planned.length >= lanesMax) return planned;
      if (isTaken(chunk)) {
        chunk += 1;
        continue;
      }
      const segment = extend(chunk, wish.to, isTaken);
      planned.push(segment);
      chunk = segment.to;
    }
  }
  return planned;
}

function extend(from: number, limit: number, isTaken: (chunk: number) => boolean): ChunkSpan {
  let to = from + 1;
  while (to < limit && to - from < SEGMENT_CHUNKS_MAX && !isTaken(to)) to += 1;
  return { from, to };
}

function covers(spans: readonly ChunkSpan[], chunk: number): boolean {
  return spans.some((span) => chunk >= span.from && chunk < span.to);
}

/** Whether the rest is worth fetching when nobody reads any more. */
const FINISH_BYTES_MAX = 8 * 1024 * 1024;
const FINISH_SHARE_MAX = 0.25;

export function isWorthFinishing(missingBytes: number, sizeBytes: number): boolean {
  return missingBytes > 0 && (missingBytes <= FINISH_BYTES_MAX || missingBytes <= sizeBytes * FINISH_SHARE_MAX);
}

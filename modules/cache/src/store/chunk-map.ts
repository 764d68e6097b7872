// Which chunks of one object are there, with the CRC32 of each. Pure bookkeeping, no I/O.
// A view reads the shared state on any thread; the map is the engine's and changes it.

import { ENGINE_SLOT, ObjectState } from './object-state.ts';

/** Unit of storing, checking and fetching, bytes. */
export const CHUNK_BYTES = 1024 * 1024;
/** Chunks whose state is written to the index together. */
export const CHUNKS_PER_PAGE = 64;

export function chunkOf(offset: number): number {
  return Math.floor(offset / CHUNK_BYTES);
}

export function chunkStart(chunk: number): number {
  return chunk * CHUNK_BYTES;
}

/** Chunks of an object, the short last one included. */
export function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / CHUNK_BYTES);
}

/** State of one page as stored: bit i of `present` and 4 bytes of `crcs` (little endian) are chunk page * 64 + i. */
export interface ChunkPage {
  page: number;
  present: Uint8Array;
  crcs: Uint8Array;
}

export class ChunkView {
  readonly sizeBytes: number;
  readonly count: number;
  protected readonly state: ObjectState;

  constructor(sizeBytes: number, state: ObjectState) {
    this.sizeBytes = sizeBytes;
    this.count = chunkCount(sizeBytes);
    this.state = state;
  }

  has(chunk: number): boolean {
    return chunk < this.count && Atomics.load(this.state.filledBytes, chunk) === this.chunkBytes(chunk);
  }

  /** Offset up to which bytes from `position` on are in the file within its chunk; `position` itself when none. */
  filledEnd(position: number): number {
    const chunk = chunkOf(position);
    if (chunk >= this.count) return position;
    return Math.max(position, chunkStart(chunk) + Atomics.load(this.state.filledBytes, chunk));
  }

  get isComplete(): boolean {
    return this.state.presentCount === this.count;
  }

  get presentCount(): number {
    return this.state.presentCount;
  }

  /** Bytes of a chunk; the last one may be short. */
  chunkBytes(chunk: number): number {
    return Math.min(CHUNK_BYTES, this.sizeBytes - chunk * CHUNK_BYTES);
  }

  /** End of a chunk, as an offset in the object. */
  chunkEnd(chunk: number): number {
    return Math.min((chunk + 1) * CHUNK_BYTES, this.sizeBytes);
  }

  /** Bytes of [start, end) that are there, in whole chunks. */
  presentBytes(start: number, end: number): number {
    if (this.isComplete) return end - start;
    if (this.presentCount === 0) return 0;
    let bytes = 0;
    for (let chunk = chunkOf(start); chunk < this.count && chunkStart(chunk) < end; chunk += 1) {
      if (this.has(chunk)) bytes += Math.min(end, this.chunkEnd(chunk)) - Math.max(start, chunkStart(chunk));
    }
    return bytes;
  }

  /** First missing chunk in [from, to), -1 when all are there. */
  firstMissing(from: number, to: number): number {
    if (this.isComplete) return -1;
    for (let chunk = from; chunk < to; chunk += 1) if (!this.has(chunk)) return chunk;
    return -1;
  }
}

export class ChunkMap extends ChunkView {
  readonly #crcs: Uint32Array;

  constructor(sizeBytes: number, state = new ObjectState(chunkCount(sizeBytes), 1, ENGINE_SLOT)) {
    super(sizeBytes, state);
    this.#crcs = new Uint32Array(this.count);
  }

  crc(chunk: number): number {
    return this.#crcs[chunk] ?? 0;
  }

  /** The chunk is there, with this CRC. */
  set(chunk: number, crc: number): void {
    const wasThere = this.has(chunk);
    this.#crcs[chunk] = crc;
    Atomics.store(this.state.filledBytes, chunk, this.chunkBytes(chunk));
    if (!wasThere) this.state.addPresent(1);
  }

  /** The first bytes of a chunk are in the file and may be read; the chunk is there only with set(). A chunk that is there stays so. */
  fill(chunk: number, bytes: number): void {
    if (!this.has(chunk)) Atomics.store(this.state.filledBytes, chunk, Math.min(bytes, this.chunkBytes(chunk) - 1));
  }

  clear(chunk: number): void {
    if (this.has(chunk)) this.state.addPresent(-1);
    Atomics.store(this.state.filledBytes, chunk, 0);
  }

  page(page: number): ChunkPage {
    const first = page * CHUNKS_PER_PAGE;
    const last = Math.min(this.count, first + CHUNKS_PER_PAGE);
    const present = new Uint8Array((last - first + 7) >> 3);
    const crcs = new Uint8Array((last - first) * 4);
    const view = new DataView(crcs.buffer);
    for (let i = first; i < last; i += 1) {
      const at = i - first;
      if (this.has(i)) present[at >> 3] = (present[at >> 3] as number) | (1 << (at & 7));
      view.setUint32(at * 4, this.#crcs[i] as number, true);
    }
    return { page, present, crcs };
  }

  /** Takes over a stored page; what does not fit the size is ignored. */
  loadPage({ page, present, crcs }: ChunkPage): void {
    const view = new DataView(crcs.buffer, crcs.byteOffset, crcs.byteLength);
    for (let i = 0; i < CHUNKS_PER_PAGE; i += 1) {
      const chunk = page * CHUNKS_PER_PAGE + i;
      if (chunk >= this.count || (i + 1) * 4 > crcs.byteLength) return;
      if (((present[i >> 3] ?? 0) & (1 << (i & 7))) !== 0) this.set(chunk, view.getUint32(i * 4, true));
    }
  }
}

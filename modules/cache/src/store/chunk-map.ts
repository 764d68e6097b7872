// Which chunks of one object are there, with the CRC32 of each. Pure bookkeeping, no I/O.

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

/** State of one page as stored: bit i of `present` and 4 bytes of `crcs` (little endian) are chunk page * 64 + i. */
export interface ChunkPage {
  page: number;
  present: Uint8Array;
  crcs: Uint8Array;
}

export class ChunkMap {
  readonly sizeBytes: number;
  readonly count: number;
  readonly #present: Uint8Array;
  readonly #crcs: Uint32Array;
  #presentCount = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.count = Math.ceil(sizeBytes / CHUNK_BYTES);
    this.#present = new Uint8Array(Math.ceil(this.count / 8));
    this.#crcs = new Uint32Array(this.count);
  }

  has(chunk: number): boolean {
    return ((this.#present[chunk >> 3] ?? 0) & (1 << (chunk & 7))) !== 0;
  }

  crc(chunk: number): number {
    return this.#crcs[chunk] ?? 0;
  }

  set(chunk: number, crc: number): void {
    if (!this.has(chunk)) this.#presentCount += 1;
    this.#present[chunk >> 3] = (this.#present[chunk >> 3] as number) | (1 << (chunk & 7));
    this.#crcs[chunk] = crc;
  }

  clear(chunk: number): void {
    if (!this.has(chunk)) return;
    this.#presentCount -= 1;
    this.#present[chunk >> 3] = (this.#present[chunk >> 3] as number) & ~(1 << (chunk & 7));
  }

  get isComplete(): boolean {
    return this.#presentCount === this.count;
  }

  get presentCount(): number {
    return this.#presentCount;
  }

  /** Bytes of a chunk; the last one may be short. */
  chunkBytes(chunk: number): number {
    return Math.min(CHUNK_BYTES, this.sizeBytes - chunk * CHUNK_BYTES);
  }

  /** End of a chunk, as an offset in the object. */
  chunkEnd(chunk: number): number {
    return Math.min((chunk + 1) * CHUNK_BYTES, this.sizeBytes);
  }

  /** Bytes of [start, end) that are there. */
  presentBytes(start: number, end: number): number {
    if (this.isComplete) return end - start;
    if (this.#presentCount === 0) return 0;
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

  page(page: number): ChunkPage {
    const first = page * CHUNKS_PER_PAGE;
    const last = Math.min(this.count, first + CHUNKS_PER_PAGE);
    const crcs = new Uint8Array((last - first) * 4);
    const view = new DataView(crcs.buffer);
    for (let i = first; i < last; i += 1) view.setUint32((i - first) * 4, this.#crcs[i] as number, true);
    return { page, present: this.#present.slice(first >> 3, (last + 7) >> 3), crcs };
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

// One stored representation: a sparse file on one drive, the map of its chunks, its headers, and who uses it.
// Offsets in the file are offsets in the representation, so any range can go straight from the file to a socket.

import { close, fstatSync, open } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Freshness } from '../freshness/freshness.ts';
import type { Validators } from '../request/precondition.ts';
import { CHUNKS_PER_PAGE, ChunkMap } from './chunk-map.ts';
import type { Drive } from './drive.ts';
import { freshnessOf, type ObjectMeta, rangeValidator, validatorsOf } from './object-meta.ts';

const openFd = promisify(open) as (path: string, flags: string) => Promise<number>;

/** How often a file's times are looked at for changes made by others. */
const TAMPER_CHECK_INTERVAL_MS = 100;

/** Work on an object's missing chunks; kept here so that all requests of one object share it. */
export interface ObjectWork {
  readonly isActive: boolean;
  /** Ends all transfers; their readers get an error. */
  cancel(reason: Error): void;
}

export class CacheObject {
  readonly id: number;
  readonly key: string;
  readonly drive: Drive;
  readonly chunks: ChunkMap;
  meta: ObjectMeta;
  /** Body of a small object in memory, null when not held. */
  hotBody: Buffer | null = null;
  /** Readers, transfers and loads that use the object; it is not evicted meanwhile. */
  uses = 0;
  /** Replaced or dropped: no new request gets it. */
  isObsolete = false;
  storedBytes = 0;
  work: ObjectWork | null = null;
  readonly dirtyPages = new Set<number>();
  isDirty = false;
  #fd = -1;
  #opening: Promise<number> | null = null;
  /** Chunks whose CRC was checked since the file was last changed by others; their pages may still be cold. */
  readonly #verified: Uint8Array;
  /** Second (since start) up to which a chunk's pages are taken as being in memory. */
  readonly #warmUntil: Uint32Array;
  readonly #reserved: Uint8Array;
  #fileTimeMs: number | null = null;
  #checkedAtMs = 0;
  #freshness: Freshness | null = null;
  #ttlSecs: number | undefined;
  #validators: Validators | null = null;
  /** Headers as sent, prepared by the response side; void when meta changes. */
  preparedHeaders: string[] | null = null;

  constructor(drive: Drive, id: number, key: string, sizeBytes: number, meta: ObjectMeta) {
    this.drive = drive;
    this.id = id;
    this.key = key;
    this.meta = meta;
    this.chunks = new ChunkMap(sizeBytes);
    this.#verified = new Uint8Array(this.chunks.count);
    this.#warmUntil = new Uint32Array(this.chunks.count);
    this.#reserved = new Uint8Array(this.chunks.count);
  }

  get sizeBytes(): number {
    return this.chunks.sizeBytes;
  }

  get fd(): number {
    return this.#fd;
  }

  get validators(): Validators {
    this.#validators ??= validatorsOf(this.meta.headers);
    return this.#validators;
  }

  /** What If-Range carries upstream, null for none. */
  get rangeValidator(): string | null {
    return rangeValidator(this.meta.headers);
  }

  freshness(ttlSecs: number | undefined): Freshness {
    if (this.#freshness === null || this.#ttlSecs !== ttlSecs) {
      this.#ttlSecs = ttlSecs;
      this.#freshness = freshnessOf(this.meta, ttlSecs);
    }
    return this.#freshness;
  }

  setMeta(meta: ObjectMeta): void {
    this.meta = meta;
    this.#freshness = null;
    this.#validators = null;
    this.preparedHeaders = null;
    this.drive.markDirty(this);
  }

  /** Opens the file once; `create` for a new object. */
  open(create = false): Promise<number> {
    if (this.#fd >= 0) return Promise.resolve(this.#fd);
    this.#opening ??= this.#openFile(create)
      .then((fd) => {
        this.#fd = fd;
        return fd;
      })
      .finally(() => {
        this.#opening = null;
      });
    return this.#opening;
  }

  async #openFile(create: boolean): Promise<number> {
    const path = this.drive.objectPath(this.id);
    try {
      return await openFd(path, create ? 'w+' : 'r+');
    } catch (error) {
      if (!create || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Folders are made when the first object comes: an empty drive starts at once.
      await mkdir(dirname(path), { recursive: true });
      return openFd(path, 'w+');
    }
  }

  closeFile(): void {
    if (this.#fd < 0) return;
    close(this.#fd, () => {});
    this.#fd = -1;
  }

  /** Notes that our own write is about to change the file's times. */
  noteOwnWrite(): void {
    this.#fileTimeMs = null;
  }

  /** All our writes are done: from here on every change of the file's times is somebody else's. */
  noteWritten(): void {
    if (this.#fd >= 0) this.#fileTimeMs = this.#readFileTime();
  }

  #readFileTime(): number {
    const { mtimeMs, ctimeMs } = fstatSync(this.#fd);
    return mtimeMs + ctimeMs;
  }

  /**
   * Looks whether somebody else changed the file since we last looked; if so, every chunk is checked again before it is served.
   * Costs an fstat every TAMPER_CHECK_INTERVAL_MS at most.
   */
  checkUntouched(nowMs: number): void {
    if (this.#fd < 0 || nowMs - this.#checkedAtMs < TAMPER_CHECK_INTERVAL_MS) return;
    this.#checkedAtMs = nowMs;
    if (this.work?.isActive) return;
    const fileTimeMs = this.#readFileTime();
    if (this.#fileTimeMs !== null && this.#fileTimeMs !== fileTimeMs) {
      this.#verified.fill(0);
      this.hotBody = null;
    }
    this.#fileTimeMs = fileTimeMs;
  }

  isVerified(chunk: number): boolean {
    return this.#verified[chunk] === 1;
  }

  /** Checked, and its pages believed to be in memory. */
  isReady(chunk: number, nowSecs: number): boolean {
    return this.#verified[chunk] === 1 && (this.#warmUntil[chunk] as number) >= nowSecs;
  }

  setReady(chunk: number, warmUntilSecs: number): void {
    this.#verified[chunk] = 1;
    this.#warmUntil[chunk] = warmUntilSecs;
  }

  /** A chunk is wholly on disk with this CRC. */
  completeChunk(chunk: number, crc: number, warmUntilSecs: number): void {
    this.chunks.set(chunk, crc);
    this.setReady(chunk, warmUntilSecs);
    this.dirtyPages.add(Math.floor(chunk / CHUNKS_PER_PAGE));
    this.drive.markDirty(this);
  }

  dropChunk(chunk: number): void {
    this.chunks.clear(chunk);
    this.#verified[chunk] = 0;
    this.hotBody = null;
    this.dirtyPages.add(Math.floor(chunk / CHUNKS_PER_PAGE));
    this.drive.markDirty(this);
  }

  isReserved(chunk: number): boolean {
    return this.#reserved[chunk] === 1;
  }

  setReserved(chunk: number): void {
    this.#reserved[chunk] = 1;
  }

  retain(): void {
    this.uses += 1;
  }

  release(): void {
    this.uses -= 1;
    if (this.uses === 0 && this.isObsolete) this.closeFile();
  }
}

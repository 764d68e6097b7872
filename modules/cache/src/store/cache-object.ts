// One stored representation: a sparse file on one drive, the map of its chunks, its headers, and who uses it.
// Offsets in the file are offsets in the representation, so any range can go straight from the file to a socket.
// A small one has a place in a slab file instead; it is read as a whole.

import { close, fstatSync, open } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { CHUNKS_PER_PAGE, ChunkMap, chunkCount } from './chunk-map.ts';
import type { HeldObjects } from './held-objects.ts';
import { type ObjectMeta, rangeValidator } from './object-meta.ts';
import { ENGINE_SLOT, ObjectState, stampOf } from './object-state.ts';
import { ObjectView } from './object-view.ts';
import { readFully } from './stored-file.ts';

const openFd = promisify(open) as (path: string, flags: string) => Promise<number>;

/** Work on an object's missing chunks; kept here so that all requests of one object share it. */
export interface ObjectWork {
  readonly isActive: boolean;
  /** Offsets that readers have reached. */
  readonly positions?: Iterable<number>;
  /** Ends all transfers; their readers get an error. */
  cancel(reason: Error): void;
}

/** The drive an object lies on, as far as objects and who fills them know it. */
export interface ObjectHome {
  readonly path: string;
  readonly capBytes: number;
  /** Threads that may use its objects, the engine included. */
  readonly stateSlots: number;
  /** Where obsolete objects stay findable while readers have them open. */
  readonly held?: HeldObjects;
  objectPath(id: number): string;
  /** Has an object's changes written to the index soon. */
  markDirty(object: CacheObject): void;
  /** Makes room for chunks [from, to) before they are written; false when there is none. */
  reserve(object: CacheObject, from: number, to: number): Promise<boolean>;
  /** Counts an I/O error of one file; several take the drive out. */
  noteError(error: unknown): void;
  /** An object could not be written: nobody gets it from here on, what is there of it stays on the drive. */
  writeFailed(object: CacheObject, error: unknown): void;
  /** All of a small object has come: its body is written soon, and the object then noted for the index. */
  keepBody?(object: CacheObject, body: Buffer): void;
  /** Reads the body of a small object from its place; answers how many bytes came. */
  readSlab?(object: CacheObject, buffer: Buffer): Promise<number>;
  /** Drops an object and deletes its file. */
  remove(object: CacheObject): Promise<void>;
}

/** The engine's own view of an object: it alone opens, fills, changes and drops it. */
export class CacheObject extends ObjectView {
  declare readonly chunks: ChunkMap;
  readonly drive: ObjectHome;
  storedBytes = 0;
  work: ObjectWork | null = null;
  readonly dirtyPages = new Set<number>();
  isDirty = false;
  /** Of a small object: where its body lies, -1 while it is not written yet. */
  place: number;
  /** Of a small object: its body until it is written. */
  unwritten: Buffer | null = null;
  isBeingWritten = false;
  #opening: Promise<number> | null = null;
  #closing = 0;
  #afterClose: (() => void) | null = null;
  readonly #reserved: Uint8Array;

  /** @param place of a small object, -1 for a new one; null: it has a file of its own */
  constructor(
    drive: ObjectHome,
    id: number,
    key: string,
    sizeBytes: number,
    meta: ObjectMeta,
    place: number | null = null,
  ) {
    const count = chunkCount(sizeBytes);
    const state = new ObjectState(count, drive.stateSlots, ENGINE_SLOT);
    super(id, key, meta, new ChunkMap(sizeBytes, state), state, place !== null);
    this.drive = drive;
    this.place = place ?? -1;
    this.#reserved = new Uint8Array(count);
  }

  /** What If-Range carries upstream, null for none. */
  get rangeValidator(): string | null {
    return rangeValidator(this.meta.headers);
  }

  setMeta(meta: ObjectMeta): void {
    this.replaceMeta(meta);
    this.state.noteChange();
    this.drive.markDirty(this);
  }

  override get hotBody(): Buffer | null {
    return super.hotBody;
  }

  override set hotBody(body: Buffer | null) {
    if (super.hotBody === body) return;
    super.hotBody = body;
    this.state.noteChange();
  }

  /** Replaced or dropped: no new request gets it, on no thread. */
  setObsolete(): void {
    this.state.setObsolete();
    this.state.noteChange();
  }

  /** Reads a part of the stored bytes; answers how many came. */
  async readStored(buffer: Buffer, bytes: number, position: number): Promise<number> {
    if (!this.isSmall) return readFully(await this.open(), buffer, bytes, position);
    if (this.unwritten !== null) return this.unwritten.copy(buffer);
    return (await this.drive.readSlab?.(this, buffer)) ?? 0;
  }

  /** Opens the file once; `create` for a new object. */
  open(create = false): Promise<number> {
    const { fd } = this;
    if (fd >= 0) return Promise.resolve(fd);
    this.#opening ??= this.#openFile(create)
      .then((opened) => {
        this.state.fd = opened;
        return opened;
      })
      .finally(() => {
        this.#opening = null;
        this.#tellClosed();
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

  /** Closes the file unless somebody uses it, on whatever thread. Returns false when it stays open. */
  closeFile({ evenInUse = false } = {}): boolean {
    if (this.isSmall) return this.unwritten === null;
    const fd = this.state.takeFd(evenInUse);
    if (fd >= 0) {
      this.#closing += 1;
      close(fd, () => {
        this.#closing -= 1;
        this.#tellClosed();
      });
    }
    const isClosed = this.fd < 0;
    if (this.isObsolete) {
      if (isClosed) this.drive.held?.delete(this);
      else this.drive.held?.add(this);
    }
    return isClosed;
  }

  /** Calls back once no descriptor of the file is open any more: only then its blocks are free. One listener. */
  afterClose(listener: () => void): void {
    this.#afterClose = listener;
    this.#tellClosed();
  }

  #tellClosed(): void {
    if (this.fd >= 0 || this.#closing > 0 || this.#opening !== null) return;
    const listener = this.#afterClose;
    this.#afterClose = null;
    listener?.();
  }

  /** Notes that our own write is about to change the file's times. */
  noteOwnWrite(): void {
    this.state.noteOwnWrite();
  }

  /** All our writes are done: from here on every change of the file's times is somebody else's. */
  noteWritten(): void {
    if (this.fd >= 0) this.state.noteWritten(stampOf(fstatSync(this.fd)));
  }

  isVerified(chunk: number): boolean {
    return this.state.isVerified(chunk);
  }

  setReady(chunk: number, warmUntilSecs: number): void {
    this.state.setReady(chunk, warmUntilSecs);
  }

  /** A chunk is wholly on disk with this CRC. */
  completeChunk(chunk: number, crc: number, warmUntilSecs: number): void {
    // Before the chunk shows as there: a reader may look at once.
    this.setReady(chunk, warmUntilSecs);
    this.chunks.set(chunk, crc);
    this.#noteChunk(chunk);
  }

  dropChunk(chunk: number): void {
    this.chunks.clear(chunk);
    this.state.unsetReady(chunk);
    this.hotBody = null;
    this.#noteChunk(chunk);
  }

  #noteChunk(chunk: number): void {
    this.dirtyPages.add(Math.floor(chunk / CHUNKS_PER_PAGE));
    this.drive.markDirty(this);
  }

  isReserved(chunk: number): boolean {
    return this.#reserved[chunk] === 1;
  }

  setReserved(chunk: number): void {
    this.#reserved[chunk] = 1;
  }

  /** The chunk's blocks were given back. */
  unsetReserved(chunk: number): void {
    this.#reserved[chunk] = 0;
  }

  override release(): void {
    super.release();
    if (this.isObsolete) this.closeFile();
  }
}

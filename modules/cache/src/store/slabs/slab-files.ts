// The slab files of one drive: bodies of small objects, many to a file, each at a place of its own. A file for each of them would cost more
// than the body itself: making, opening, writing and closing it is half of a small miss.
// Space is never given twice: what comes is appended, what goes is punched out of the file as a hole, so the file system has it back at once.
//
// INVARIANTS
// - Files that were there before start() are only read and punched; what comes goes to new ones. So a place that no row knows is garbage.
// - No descriptor is closed while a call on it is under way (FileHandle waits), so its number is not given away under it.

import { mkdirSync, readdirSync, readSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { native } from '../native.ts';
import { cachedPages } from '../page-cache.ts';

/** Larger bodies have a file of their own, which goes to clients by sendfile. */
export const SLAB_BODY_BYTES_MAX = 16 * 1024;
/** A file is followed by the next one at this size, holes included: ext4 ends at 16 TiB. */
const SLAB_BYTES = 2 ** 32;
/** Places begin at multiples of this: a page, and what the smallest block of a file system is a divisor of. */
const PAGE_BYTES = 4096;
/** Slabs that are open for reading. */
const OPEN_SLABS_MAX = 64;
/** Holes made before a sweep lets others run. */
const SWEEP_HOLES_PER_TURN = 256;

/** Where a body lies: number of its file times SLAB_BYTES, plus its offset. */
export type Place = number;

export interface LivePlace {
  id: number;
  place: Place;
  sizeBytes: number;
}

export class SlabFiles {
  readonly #folder: string;
  readonly #open = new Map<number, Promise<FileHandle>>();
  #old: number[] = [];
  #number = 0;
  #offset = SLAB_BYTES;
  #unit = PAGE_BYTES;
  #isUsable = false;

  /** @param path of the drive */
  constructor(path: string) {
    this.#folder = join(path, 'slabs');
  }

  /** Bodies can be kept here: the system can punch holes. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  pathOf(place: Place): string {
    return this.#pathOf(Math.floor(place / SLAB_BYTES));
  }

  offsetOf(place: Place): number {
    return place % SLAB_BYTES;
  }

  #pathOf(number: number): string {
    return join(this.#folder, number.toString(16).padStart(6, '0'));
  }

  /**
   * Throws the system's error when the folder cannot be read.
   * @param blockBytes unit of the file system: each body begins at a multiple of it
   */
  start(blockBytes: number): void {
    mkdirSync(this.#folder, { recursive: true });
    this.#old = readdirSync(this.#folder)
      .filter((name) => /^[0-9a-f]{6,}$/.test(name))
      .map((name) => Number.parseInt(name, 16));
    this.#number = Math.max(0, ...this.#old);
    this.#offset = SLAB_BYTES;
    this.#unit = Math.max(PAGE_BYTES, blockBytes);
    this.#isUsable = native !== undefined;
  }

  /** Appends bodies with one write; resolves with the place of each. One call at a time. */
  async append(bodies: readonly Buffer[]): Promise<Place[]> {
    const offsets: number[] = [];
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (const body of bodies) {
      offsets.push(bytes);
      const rest = this.#allotted(body.length) - body.length;
      pieces.push(body);
      if (rest > 0) pieces.push(zeros(rest));
      bytes += body.length + rest;
    }
    if (this.#offset + bytes > SLAB_BYTES) this.#next();
    const file = await this.#file(this.#number);
    const from = this.#offset;
    const base = this.#number * SLAB_BYTES + from;
    this.#offset += bytes;
    try {
      await writeAll(file, pieces, bytes, from);
    } catch (error) {
      native?.punchHole(file.fd, from, bytes);
      throw error;
    }
    return offsets.map((offset) => base + offset);
  }

  /** Bytes that a body takes, its rest of a block included. */
  #allotted(bytes: number): number {
    return Math.ceil(bytes / this.#unit) * this.#unit;
  }

  #next(): void {
    this.#number += 1;
    this.#offset = 0;
  }

  #file(number: number): Promise<FileHandle> {
    if (!this.#isUsable) return Promise.reject(new Error(`${this.#folder} is closed`));
    const known = this.#open.get(number);
    if (known !== undefined) {
      // Used last, closed last.
      this.#open.delete(number);
      this.#open.set(number, known);
      return known;
    }
    const isNew = number === this.#number && this.#offset === 0;
    const opening = open(this.#pathOf(number), isNew ? 'w+' : 'r+');
    this.#open.set(number, opening);
    opening.catch(() => this.#open.delete(number));
    for (const [oldest, handle] of this.#open) {
      if (this.#open.size <= OPEN_SLABS_MAX) break;
      if (oldest === this.#number) continue;
      this.#open.delete(oldest);
      void closeQuietly(handle);
    }
    return opening;
  }

  /** Bytes that were read into `buffer`; fewer than asked at the file's end. What is in memory is read at once, the rest off the event loop. */
  async read(place: Place, buffer: Buffer, bytes: number): Promise<number> {
    const file = await this.#file(Math.floor(place / SLAB_BYTES));
    const offset = place % SLAB_BYTES;
    if (cachedPages(file.fd, offset, bytes) === Math.ceil(bytes / PAGE_BYTES))
      return readSync(file.fd, buffer, 0, bytes, offset);
    let done = 0;
    while (done < bytes) {
      const { bytesRead } = await file.read(buffer, done, bytes - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  /** Gives the blocks of a body back to the file system; false when it does not take them. */
  async free(place: Place, bytes: number): Promise<boolean> {
    const file = await this.#file(Math.floor(place / SLAB_BYTES));
    return native?.punchHole(file.fd, place % SLAB_BYTES, this.#allotted(bytes)) === true;
  }

  /**
   * Punches out what no row knows of in files of before the start, and deletes files without anything; answers how many holes it made.
   * @param liveAfter rows with a place, id > after, in order of id; none = the end
   */
  async sweep(liveAfter: (after: number) => readonly LivePlace[], isOver: () => boolean): Promise<number> {
    const used = new Map(this.#old.map((number) => [number, new Uint8Array(SLAB_BYTES / PAGE_BYTES / 8)]));
    for (let after = 0; used.size > 0; ) {
      const rows = liveAfter(after);
      if (rows.length === 0) break;
      for (const { place, sizeBytes } of rows) mark(used.get(Math.floor(place / SLAB_BYTES)), place, sizeBytes);
      after = (rows.at(-1) as LivePlace).id;
      await new Promise(setImmediate);
      if (isOver()) return 0;
    }
    // A drive that went out says that it has no rows.
    if (isOver()) return 0;
    let holes = 0;
    for (const [number, pages] of used) {
      holes += await this.#punchUnused(number, pages, isOver);
      if (isOver()) return holes;
    }
    this.#old = [];
    return holes;
  }

  async #punchUnused(number: number, pages: Uint8Array, isOver: () => boolean): Promise<number> {
    const file = await this.#file(number);
    const { size } = await file.stat();
    if (pages.every((bits) => bits === 0)) {
      this.#open.delete(number);
      await closeQuietly(Promise.resolve(file));
      await unlink(this.#pathOf(number));
      return 1;
    }
    let holes = 0;
    const last = Math.ceil(size / PAGE_BYTES);
    for (let page = 0; page < last; ) {
      const from = page;
      while (page < last && !isMarked(pages, page)) page += 1;
      if (page > from) {
        native?.punchHole(file.fd, from * PAGE_BYTES, (page - from) * PAGE_BYTES);
        holes += 1;
        if (holes % SWEEP_HOLES_PER_TURN === 0) await new Promise(setImmediate);
        if (isOver()) return holes;
      }
      while (page < last && isMarked(pages, page)) page += 1;
    }
    return holes;
  }

  /** Closes all files once nothing is under way on them. */
  async close(): Promise<void> {
    this.#isUsable = false;
    const handles = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(handles.map(closeQuietly));
  }
}

function mark(pages: Uint8Array | undefined, place: Place, sizeBytes: number): void {
  if (pages === undefined) return;
  const from = Math.floor((place % SLAB_BYTES) / PAGE_BYTES);
  const to = from + Math.ceil(sizeBytes / PAGE_BYTES);
  for (let page = from; page < to; page += 1) pages[page >> 3] = (pages[page >> 3] ?? 0) | (1 << (page & 7));
}

function isMarked(pages: Uint8Array, page: number): boolean {
  return ((pages[page >> 3] ?? 0) & (1 << (page & 7))) !== 0;
}

const ZEROS = Buffer.alloc(64 * 1024);

function zeros(bytes: number): Buffer {
  return bytes <= ZEROS.length ? ZEROS.subarray(0, bytes) : Buffer.alloc(bytes);
}

/** writev may write less than asked (a signal, a full disk): the rest follows. */
async function writeAll(file: FileHandle, pieces: readonly Buffer[], bytes: number, position: number): Promise<void> {
  const { bytesWritten } = await file.writev(pieces, position);
  if (bytesWritten === bytes) return;
  const rest = Buffer.concat(pieces);
  for (let done = bytesWritten; done < bytes; ) {
    const { bytesWritten: more } = await file.write(rest, done, bytes - done, position + done);
    if (more === 0) throw new Error('nothing could be written');
    done += more;
  }
}

async function closeQuietly(opening: Promise<FileHandle>): Promise<void> {
  await opening.then((handle) => handle.close()).catch(() => {});
}

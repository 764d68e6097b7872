// What all threads see of one object: its descriptor, who uses it, and how much of each chunk is in the file, in one block of memory.
//
// INVARIANTS
// - One thread, the engine, opens and closes the descriptor, writes the file and drops the object. Every other thread takes uses, notes
//   hits, and takes readiness back; it may find a chunk's pages in memory, but never calls a chunk checked that was not.
// - A use is taken BEFORE the descriptor is read; the descriptor is taken away BEFORE uses are looked at. All of these are sequentially
//   consistent, so one of the two sides sees the other, and no descriptor is closed (and its number given away) under a reader.
// - Each thread counts its uses in a word of its own: what a dead thread held can be given back.

const FD = 0;
/** Counts the changes of what other threads hold copies of: headers, freshness, the body in memory. */
const VERSION = 1;
const FLAGS = 2;
const VISITED = 3;
/** Chunks that are there. */
const PRESENT = 4;
/** Times of the file after our last write, 0 while unknown. */
const FILE_STAMP = 5;
const HEADER_WORDS = 6;

const OBSOLETE = 1;
/** The engine writes to the file: its times say nothing. */
const WRITING = 2;
/** Somebody else changed the file: what is in memory of it is to be dropped. */
const TAMPERED = 4;

/** Number of the thread that owns the store, in every state. */
export const ENGINE_SLOT = 0;

export class ObjectState {
  /** Goes to other threads by message; everything in here is found again from it and the size. */
  readonly memory: ArrayBufferLike;
  readonly slots: number;
  readonly #slot: number;
  readonly #words: Int32Array;
  /** Bytes of each chunk that are in the file from the chunk's start; all of them = the chunk is there. */
  readonly filledBytes: Uint32Array;
  /** Second of monotonicSecs() up to which a chunk's pages are taken as being in memory; 0 = its CRC was not checked yet. */
  readonly #readyUntil: Uint32Array;

  /** State of an object of another thread (`memory`), or a new one. `slot`: this thread's number, below `slots`. */
  constructor(chunks: number, slots: number, slot: number, memory?: ArrayBufferLike) {
    const head = HEADER_WORDS + slots;
    const bytes = (head + 2 * chunks) * 4;
    // One thread alone needs no shared memory; atomics work on both.
    this.memory = memory ?? (slots > 1 ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    this.slots = slots;
    this.#slot = slot;
    this.#words = new Int32Array(this.memory, 0, head);
    this.filledBytes = new Uint32Array(this.memory, head * 4, chunks);
    this.#readyUntil = new Uint32Array(this.memory, (head + chunks) * 4, chunks);
    if (memory === undefined) this.#words[FD] = -1;
  }

  /** -1 when the file is not open. Of use only to who holds a use. */
  get fd(): number {
    return Atomics.load(this.#words, FD);
  }

  set fd(fd: number) {
    Atomics.store(this.#words, FD, fd);
  }

  /** Takes the descriptor away unless somebody uses it. Returns it for closing, -1 when there is none or it is in use. Engine only. */
  takeFd(evenInUse = false): number {
    // A holder of a use must never see it gone, not even for the moment of the exchange below.
    if (!evenInUse && this.uses > 0) return -1;
    const fd = Atomics.exchange(this.#words, FD, -1);
    if (fd < 0 || evenInUse || this.uses === 0) return fd;
    this.fd = fd;
    return -1;
  }

  /** Readers, transfers and loads of all threads. */
  get uses(): number {
    let uses = 0;
    for (let slot = 0; slot < this.slots; slot += 1) uses += Atomics.load(this.#words, HEADER_WORDS + slot);
    return uses;
  }

  retain(): void {
    Atomics.add(this.#words, HEADER_WORDS + this.#slot, 1);
  }

  release(): void {
    Atomics.sub(this.#words, HEADER_WORDS + this.#slot, 1);
  }

  /** Gives back all uses of a thread that is no more; answers how many there were. */
  releaseSlot(slot: number): number {
    return Atomics.exchange(this.#words, HEADER_WORDS + slot, 0);
  }

  get version(): number {
    return Atomics.load(this.#words, VERSION);
  }

  noteChange(): void {
    Atomics.add(this.#words, VERSION, 1);
  }

  get isObsolete(): boolean {
    return (Atomics.load(this.#words, FLAGS) & OBSOLETE) !== 0;
  }

  setObsolete(): void {
    Atomics.or(this.#words, FLAGS, OBSOLETE);
  }

  /** Notes a hit for eviction. */
  visit(): void {
    // A load costs less than a store when several cores share the line.
    if (Atomics.load(this.#words, VISITED) === 0) Atomics.store(this.#words, VISITED, 1);
  }

  get isVisited(): boolean {
    return Atomics.load(this.#words, VISITED) !== 0;
  }

  /** True when there was a hit since the last call. */
  takeVisit(): boolean {
    return Atomics.exchange(this.#words, VISITED, 0) === 1;
  }

  get presentCount(): number {
    return Atomics.load(this.#words, PRESENT);
  }

  addPresent(chunks: number): void {
    Atomics.add(this.#words, PRESENT, chunks);
  }

  noteOwnWrite(): void {
    Atomics.or(this.#words, FLAGS, WRITING);
    Atomics.store(this.#words, FILE_STAMP, 0);
  }

  /** Our writes are done, the file has these times. */
  noteWritten(stamp: number): void {
    Atomics.store(this.#words, FILE_STAMP, stamp);
    Atomics.and(this.#words, FLAGS, ~WRITING);
  }

  /**
   * Compares the file's times with the known ones. When somebody else wrote, no chunk counts as checked any more.
   * @param readStamp reads the file's times now, as stampOf()
   * @returns true when the file was changed by others
   */
  compareStamp(readStamp: () => number): boolean {
    if ((Atomics.load(this.#words, FLAGS) & WRITING) !== 0) return false;
    const known = Atomics.load(this.#words, FILE_STAMP);
    const found = readStamp();
    // A write of our own may begin in between: it takes the known times away first.
    if (found === known || Atomics.compareExchange(this.#words, FILE_STAMP, known, found) !== known || known === 0)
      return false;
    for (let chunk = 0; chunk < this.#readyUntil.length; chunk += 1) this.unsetReady(chunk);
    Atomics.or(this.#words, FLAGS, TAMPERED);
    this.noteChange();
    return true;
  }

  /** True once after the file was changed by others. */
  takeTampered(): boolean {
    return (Atomics.and(this.#words, FLAGS, ~TAMPERED) & TAMPERED) !== 0;
  }

  /** The CRC was checked since the file was last changed by others. */
  isVerified(chunk: number): boolean {
    return Atomics.load(this.#readyUntil, chunk) !== 0;
  }

  /** Checked, and its pages believed to be in memory. */
  isReady(chunk: number, nowSecs: number): boolean {
    return Atomics.load(this.#readyUntil, chunk) >= nowSecs;
  }

  /** The chunk was read and checked, or has just been written. Engine only. */
  setReady(chunk: number, untilSecs: number): void {
    Atomics.store(this.#readyUntil, chunk, untilSecs);
  }

  /** The kernel says that the pages are in memory; a chunk whose check was taken back meanwhile stays unchecked. */
  prolongReady(chunk: number, untilSecs: number): void {
    const known = Atomics.load(this.#readyUntil, chunk);
    if (known !== 0) Atomics.compareExchange(this.#readyUntil, chunk, known, untilSecs);
  }

  unsetReady(chunk: number): void {
    Atomics.store(this.#readyUntil, chunk, 0);
  }
}

/** File times as one word, never 0: microseconds within half an hour tell two writes apart. */
export function stampOf({ mtimeMs, ctimeMs }: { mtimeMs: number; ctimeMs: number }): number {
  return Math.trunc(((mtimeMs + ctimeMs) * 1000) % 0x7fff_ffff) || 1;
}

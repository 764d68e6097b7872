// One cache drive: its files, its index, its room and its health. Never holds more than its cap, and can be taken out and come back at run time.

import type { Logger } from '@wayside/kit';
import { CacheObject, type ObjectHome } from './cache-object.ts';
import { ChunkMap } from './chunk-map.ts';
import { DriveFiles } from './drive-files.ts';
import type { DriveIndex, ObjectRow } from './drive-index.ts';
import { type DriveIssue, isOutOfSpace } from './drive-issue.ts';
import { DriveService } from './drive-service.ts';
import { DriveSpace } from './drive-space.ts';
import { HeldObjects } from './held-objects.ts';
import { IndexLog } from './index-log.ts';
import type { SelectedRow, Selection } from './index-selection.ts';
import type { ObjectMeta } from './object-meta.ts';
import { ObjectRemoval } from './object-removal.ts';
import { RoomKeeper } from './room-keeper.ts';
import { Sieve } from './sieve.ts';
import { SlabFiles } from './slabs/slab-files.ts';
import { SlabWriter } from './slabs/slab-writer.ts';
import { StoredFile } from './stored-file.ts';

/** Freed at once when the index cannot grow, bytes. */
const INDEX_ROOM_BYTES = 1024 * 1024;

export class Drive implements ObjectHome {
  readonly path: string;
  readonly capBytes: number;
  /** Threads that may use its objects, the engine included. */
  stateSlots = 1;
  evictedObjects = 0;
  /** Obsolete objects that readers still have open. */
  readonly held = new HeldObjects();
  /** Objects in memory, by id. */
  readonly live = new Map<number, CacheObject>();
  readonly files: DriveFiles;
  #sieve = new Sieve();
  #nextId = 1;
  /** Counts how often the drive came into service. */
  #generation = 0;
  #startedAtMs = 0;
  /** There may be files that no row knows, from before the start. */
  #hasOrphans = false;
  #isSweeping = false;
  readonly #service: DriveService;
  readonly #space: DriveSpace;
  readonly #room: RoomKeeper;
  readonly #log: IndexLog;
  readonly #slabs: SlabFiles;
  readonly #slabWriter: SlabWriter;
  readonly #removal: ObjectRemoval;
  /** A key is not here any more: evicted, dropped, or the drive is out. */
  onEvict: (key: string) => void = () => {};
  /** Called when the drive is in service again, before anything is served from it. */
  onUp: () => void = () => {};
  /** Called when the drive was taken out: whoever has files of his own open on it closes them, or it cannot be unmounted. */
  onDown: () => void = () => {};

  constructor(path: string, capBytes: number, logger: Logger) {
    this.path = path;
    this.capBytes = capBytes;
    this.files = new DriveFiles(path);
    this.#space = new DriveSpace(capBytes, this.files);
    this.#slabs = new SlabFiles(path);
    this.#slabWriter = new SlabWriter(this.#slabs, {
      onWritten: (object) => this.markDirty(object),
      onFailed: (object, error) => this.#bodyFailed(object, error),
    });
    this.#service = new DriveService({
      ...{ path, files: this.files, space: this.#space, logger },
      onOpen: (index) => this.#takeOver(index),
      onUp: () => this.onUp(),
      onClose: () => this.#log.forget(),
      onOut: (reason) => this.#letAllGo(reason),
      onWell: () => this.#onWell(),
    });
    this.#log = new IndexLog({
      index: () => this.#service.index,
      sieve: () => this.#sieve,
      live: this.live,
      beforeSave: (object) => this.#room.takeBack(object),
      onFailure: (error) => this.fail(error),
      onOutOfSpace: () => this.#onIndexFull(),
    });
    this.#removal = new ObjectRemoval({
      ...{ live: this.live, log: this.#log, space: this.#space, slabs: this.#slabs, slabWriter: this.#slabWriter },
      sieve: () => this.#sieve,
      read: (fn) => this.read(fn),
      objectPath: (id) => this.objectPath(id),
      generation: () => this.#generation,
      onGone: (key) => this.onEvict(key),
      onError: (error) => this.noteError(error),
    });
    this.#room = new RoomKeeper({
      space: this.#space,
      sieve: () => this.#sieve,
      queue: () => this.#service.index,
      flush: () => this.#log.flush(),
      isPinned: (id) => this.#isPinned(id),
      evict: (id, storedBytes) => this.#evict(id, storedBytes),
      onQueueError: (error) => this.fail(error),
    });
  }

  get isUp(): boolean {
    return this.#service.index !== null;
  }

  /** What is wrong, null when nothing is; a drive in service may have one, too. */
  get issue(): DriveIssue | null {
    return this.#service.issue;
  }

  get issueText(): string {
    return this.#service.issueText;
  }

  /** In service, and the last reservation found room. */
  get takesMore(): boolean {
    return this.isUp && !this.#room.isFull;
  }

  /** Bytes on the file system, what is promised to fills included; never less than what lies there. */
  get usedBytes(): number {
    return this.#space.usedBytes;
  }

  /** What its file system had to give when it was last looked at. */
  get freeBytes(): number {
    return this.#space.freeBytes;
  }

  /** Little room is left under the cap, counting what a kill may have left. */
  get isNearlyFull(): boolean {
    return this.#space.isNearlyFull;
  }

  get objectCount(): number {
    return this.#service.index?.totals().objects ?? 0;
  }

  get sieve(): Sieve {
    return this.#sieve;
  }

  /** Throws while the drive is out. */
  get index(): DriveIndex {
    const { index } = this.#service;
    if (index === null) throw new Error(`Drive ${this.path} is out`);
    return index;
  }

  /** Told about each object that is complete and in the index: it outlives the process from here on. */
  set onStored(listener: (object: CacheObject) => void) {
    this.#log.onStored = listener;
  }

  objectPath(id: number): string {
    return this.files.objectPath(id);
  }

  /** Opens or re-opens the drive. Returns false with `issue` set when it cannot be used. Reads no object. */
  start(): boolean {
    return this.#service.start();
  }

  /** Takes the drive out: its objects are gone for new requests, everything else serves on. */
  fail(error: unknown): void {
    this.#service.fail(error);
  }

  /** Looks at the drive itself: still there, writable, and the same one. Brings a failed drive back when it works again. */
  probe(): Promise<void> {
    return this.#service.probe();
  }

  /** probe() at the pace of a timer: a drive that is out is looked at with growing pauses. */
  probeIfDue(nowMs: number): void {
    this.#service.probeIfDue(nowMs);
  }

  /** Reads from the index; undefined while the drive is out, or when it cannot be read, which takes the drive out. */
  read<T>(fn: (index: DriveIndex) => T): T | undefined {
    return this.#service.read(fn);
  }

  #takeOver(index: DriveIndex): void {
    // Counts what a killed process may have written without saying so; no file: the look-up will find that out and drop the row.
    const interrupted = index.interrupted().map(({ id, storedBytes }) => ({
      id,
      storedBytes: Math.max(this.files.objectBytes(id) ?? 0, storedBytes),
    }));
    index.settleInterrupted(interrupted);
    // What was dropped while the drive was out, or just before.
    this.#log.flush();
    this.#generation += 1;
    const { storedBytes, objects, maxId } = index.totals();
    // A drive that comes back must not give an id twice: a slow reader may still have the file of the first one open.
    this.#nextId = Math.max(this.#nextId, maxId + 1);
    this.#sieve = new Sieve();
    const { hand, pages } = index.sieve();
    this.#sieve.restore(hand, pages);
    this.#hasOrphans = index.state('clean') === 0;
    index.setState({ clean: 0 });
    this.#space.start(storedBytes, this.#hasOrphans);
    this.#space.look(objects);
    this.#slabs.start(this.#space.blocks(1));
    this.#startedAtMs = Date.now();
  }

  /** First out, then told: whoever is told asks for the object again at once, and must not find it here. */
  #letAllGo(reason: Error): void {
    this.onDown();
    void this.#slabs.close();
    for (const object of [...this.live.values()]) this.#letGo(object, reason);
  }

  /** Nobody gets the object from memory any more; its readers keep their open file. */
  #letGo(object: CacheObject, reason: Error): void {
    object.setObsolete();
    this.live.delete(object.id);
    this.onEvict(object.key);
    object.work?.cancel(reason);
    object.closeFile();
  }

  /** Counts an I/O error of one object; too many, or one that concerns the whole drive, take the drive out. */
  noteError(error: unknown): void {
    if (isOutOfSpace(error)) this.#space.noteFull();
    else this.#service.noteError(error);
  }

  /**
   * An object could not be written. It is let go: what is there of it stays in the index, and the client's next request finds another way
   * instead of the same wall.
   */
  writeFailed(object: CacheObject, error: unknown): void {
    this.noteError(error);
    this.#detach(object, error instanceof Error ? error : new Error('cannot write'));
  }

  /** A small object whose body cannot be written is served from memory to who has it, and is gone then. */
  #bodyFailed(object: CacheObject, error: unknown): void {
    this.noteError(error);
    void this.remove(object);
  }

  #detach(object: CacheObject, reason: Error): void {
    if (object.isObsolete || !this.isUp) return;
    this.#log.flush();
    if (!object.isObsolete) this.#letGo(object, reason);
  }

  async #onWell(): Promise<void> {
    this.#log.flush();
    if (this.#room.isFull) await this.#room.recover();
  }

  #onIndexFull(): void {
    this.#space.noteFull();
    void this.#room.free(INDEX_ROOM_BYTES);
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** The row of a key; undefined when there is none, or the drive is out. */
  findRow(key: string): ObjectRow | undefined {
    const row = this.read((index) => index.find(key));
    return row === undefined || this.#log.isRemoved(row.id) ? undefined : row;
  }

  /** The object of a row, loaded; undefined when it cannot be used: the drive takes nothing more and chunks are missing. */
  load(row: ObjectRow): CacheObject | undefined {
    const known = this.live.get(row.id);
    if (known !== undefined) return known;
    const pages = this.read((index) => index.pages(row.id, row.sizeBytes));
    if (pages === undefined) return undefined;
    const meta = JSON.parse(row.meta) as ObjectMeta;
    const object = new CacheObject(this, row.id, row.key, row.sizeBytes, meta, row.place);
    for (const page of pages) object.chunks.loadPage(page);
    if (!object.chunks.isComplete && this.#room.isFull) return undefined;
    object.storedBytes = row.storedBytes;
    for (let chunk = 0; chunk < object.chunks.count; chunk += 1)
      if (object.chunks.has(chunk)) object.setReserved(chunk);
    this.live.set(object.id, object);
    return object;
  }

  /**
   * Up to `limit` objects that a selection names, with id > after, in order of id; those on their way out are left out.
   * `last` is where to go on, undefined when there are no more or the drive is out.
   */
  select(selection: Selection, after: number, limit: number): { rows: SelectedRow[]; last: number | undefined } {
    const found = this.read((index) => index.select(selection, after, limit)) ?? [];
    return { rows: found.filter(({ id }) => !this.#log.isRemoved(id)), last: found.at(-1)?.id };
  }

  /** Forgets an object in memory; the index still knows it. */
  unload(object: CacheObject): void {
    this.live.delete(object.id);
    if (object.state.takeVisit()) this.#sieve.visit(object.id);
  }

  /**
   * Makes room for chunks [from, to) of an object before they are written. Evicts others; false when that is not enough, and then the
   * object is let go unless all of it is there.
   */
  async reserve(object: CacheObject, from: number, to: number): Promise<boolean> {
    if (await this.#room.reserve(object, from, to)) return true;
    this.#detach(object, new Error('no room'));
    return false;
  }

  #isPinned(id: number): boolean {
    const object = this.live.get(id);
    if (object === undefined) return this.#log.isRemoved(id);
    // Hits are noted with the object itself, where every thread can: one since the hand last passed saves it once more.
    return object.state.takeVisit() || this.#log.isRemoved(id) || object.uses > 0 || object.work?.isActive === true;
  }

  #evict(id: number, storedBytes: number): Promise<void> {
    this.evictedObjects += 1;
    return this.#removal.removeRow({ id, storedBytes });
  }

  /** Drops what a row stands for, loaded or not. */
  removeRow(row: Pick<ObjectRow, 'id' | 'storedBytes'>): Promise<void> {
    return this.#removal.removeRow(row);
  }

  /** Drops an object: new requests do not find it, its room is free once the file is gone. Readers keep their open file. */
  remove(object: CacheObject): Promise<void> {
    return this.#removal.remove(object);
  }

  markDirty(object: CacheObject): void {
    // It is noted when its body is where the index says.
    if (object.isSmall && object.place < 0) return;
    this.#log.markDirty(object);
  }

  /** Resolves true once everything noted up to now is in the index and outlives the process; false when the drive cannot keep it. */
  async committed(): Promise<boolean> {
    await this.#slabWriter.idle();
    return this.#log.committed();
  }

  /** Writes all changes to the index in one transaction. */
  flush(): void {
    this.#log.flush();
  }

  /** New small objects can be kept: bodies of them, that is, up to SLAB_BODY_BYTES_MAX. */
  get takesSmall(): boolean {
    return this.takesMore && this.#slabWriter.takesMore && !this.#space.isShort;
  }

  /** All of a small object has come: it is written soon, and then noted for the index. */
  keepBody(object: CacheObject, body: Buffer): void {
    object.unwritten = body;
    this.#slabWriter.add(object);
  }

  async readSlab(object: CacheObject, buffer: Buffer): Promise<number> {
    return this.#slabs.read(object.place, buffer, object.sizeBytes);
  }

  /** Opens what is stored of an object, to be looked at beside its use. Rejects with the system's error. */
  openStored({ id, place }: Pick<ObjectRow, 'id' | 'place'>): Promise<StoredFile> {
    if (place === null) return StoredFile.open(this.objectPath(id));
    return StoredFile.open(this.#slabs.pathOf(place), this.#slabs.offsetOf(place));
  }

  /** Resolves when all bodies that were taken are written. */
  settle(): Promise<void> {
    return this.#slabWriter.idle();
  }

  /** The room that an object takes was found to be another: what a broken fill left, or what a power cut took. */
  noteStoredBytes(key: string, id: number, foundBytes: number): void {
    const row = this.live.has(id) ? undefined : this.findRow(key);
    if (row === undefined || row.id !== id || row.storedBytes === foundBytes) return;
    this.read((index) => index.settleInterrupted([{ id, storedBytes: foundBytes }]));
    if (foundBytes > row.storedBytes) this.#space.take(foundBytes - row.storedBytes);
    else this.#space.give(row.storedBytes - foundBytes);
  }

  /** Used since the eviction hand last passed. */
  isVisited(object: CacheObject): boolean {
    return object.state.isVisited || this.#sieve.isVisited(object.id);
  }

  /** What is there of an object, from memory or the index. */
  chunksOf(id: number, sizeBytes: number): ChunkMap | undefined {
    const object = this.live.get(id);
    if (object !== undefined) return object.chunks;
    const pages = this.read((index) => index.pages(id, sizeBytes));
    if (pages === undefined) return undefined;
    const chunks = new ChunkMap(sizeBytes);
    for (const page of pages) chunks.loadPage(page);
    return chunks;
  }

  /** Deletes files that no row knows: a process killed between creating a file and writing its row leaves them. None after a clean end. */
  async sweepOrphans(signal: AbortSignal): Promise<number> {
    if (!this.#hasOrphans || this.#isSweeping || !this.isUp) return 0;
    this.#isSweeping = true;
    const generation = this.#generation;
    const isOver = () => signal.aborted || !this.isUp || generation !== this.#generation;
    try {
      const holes = await this.#slabs.sweep((after) => this.read((index) => index.places(after)) ?? [], isOver);
      const swept = await this.files.sweep({
        writtenBeforeMs: this.#startedAtMs,
        isOver,
        // A small object may have the number of a file that was left: it has no file of its own.
        isKnown: (id) => this.live.get(id)?.isSmall === false || this.read((index) => index.hasFile(id)) !== false,
      });
      if (!isOver()) {
        this.#hasOrphans = false;
        this.#space.noteSwept();
      }
      return holes + swept;
    } catch (error) {
      this.noteError(error);
      return 0;
    } finally {
      this.#isSweeping = false;
    }
  }

  stop(): void {
    this.#log.flush(true);
    for (const object of this.live.values()) object.closeFile({ evenInUse: true });
    // Without the mark the next start looks for orphans.
    if (!this.#hasOrphans && !this.#removal.leavesOrphans) this.read((index) => index.setState({ clean: 1 }));
    void this.#slabs.close();
    this.#service.close();
  }
}

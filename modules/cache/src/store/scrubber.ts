// Reads everything that is stored again in idle time, slowly, and drops what does not match its CRC, before a client asks for it.
// Each drive has its own way; where it stands is kept on the drive, so that a restart goes on there.
//
// What lies in the kernel's page cache is checked there: it is what clients get. What was read from the disk only for this is let go again.

import { crc32 } from 'node:zlib';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { CacheObject } from './cache-object.ts';
import { CHUNK_BYTES, type ChunkMap, chunkStart } from './chunk-map.ts';
import type { Drive } from './drive.ts';
import type { ScrubRow } from './drive-index.ts';
import { native } from './native.ts';
import type { ScrubFigures } from './scrub-figures.ts';
import type { StoredFile } from './stored-file.ts';

/** Read from one drive a second: 100 GB take 7 hours, and a disk has a tenth of its time to give at most. */
export const SCRUB_BYTES_PER_SEC = 4 * 1024 * 1024;
/** More than this moved by clients and origins in a second is traffic: the scrubber waits. */
export const IDLE_BYTES_PER_SEC_MAX = 1024 * 1024;
const IDLE_SAMPLE_MS = 1000;
/** How often a scrubber that waits looks again. */
const WAIT_MS = 1000;
/** From the end of one pass to the start of the next. */
export const PASS_PAUSE_MS = 24 * 3600 * 1000;
/** Position and date are saved this often. */
const POSITION_SAVE_INTERVAL_MS = 30_000;
/** A file that was written less than this ago may hold fewer blocks than it will. */
const SETTLED_AFTER_MS = 60_000;

export interface ScrubberDeps {
  drives: readonly Drive[];
  /** The object of a key, loaded. */
  find(key: string): CacheObject | undefined;
  /** Bytes moved so far, to clients and from origins; only grows. */
  trafficBytes(): number;
  /** A chunk of an object that is in use or was used lately is gone: it should be fetched before somebody asks. */
  onLost(object: CacheObject, chunk: number): void;
  /** Where it counts. */
  figures: ScrubFigures;
  clock: Clock;
  logger: Logger;
}

export class Scrubber {
  readonly #deps: ScrubberDeps;
  readonly #stop = new AbortController();
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #bytesPerSec = SCRUB_BYTES_PER_SEC;
  #turn: Promise<unknown> = Promise.resolve();
  #running: Promise<unknown> = Promise.resolve();
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #sampledBytes = 0;
  #isIdle = false;
  readonly figures: ScrubFigures;

  constructor(deps: ScrubberDeps) {
    this.#deps = deps;
    this.figures = deps.figures;
  }

  start(): void {
    this.#running = Promise.all(this.#deps.drives.map((drive) => this.#run(drive)));
  }

  /** Resolves when nothing is read any more; positions are saved. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Bytes a second of one drive; 0 = not at all. */
  setRate(bytesPerSec: number): void {
    this.#bytesPerSec = bytesPerSec;
  }

  async #run(drive: Drive): Promise<void> {
    const { clock, logger } = this.#deps;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#isDue(drive)) await this.#pass(drive);
        else await clock.sleep(WAIT_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn('Scrubbing was interrupted', { path: drive.path, reason: describeError(error) });
        await clock.sleep(WAIT_MS, signal).catch(() => {});
      }
    }
  }

  #isDue(drive: Drive): boolean {
    if (!drive.isUp || this.#bytesPerSec === 0) return false;
    const { clock } = this.#deps;
    const position = scrubPosition(drive);
    this.figures.lastPassAtMs[drive.path] = position.lastPassAtMs;
    // A clock that was set back must not stop it for good.
    const sinceMs = Math.abs(clock.nowMs() - position.lastPassAtMs);
    return (position.id > 0 || sinceMs >= PASS_PAUSE_MS) && this.#checkIdle();
  }

  /** Nothing much moves. Measured over a sample, because a single moment says nothing. */
  #checkIdle(): boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#sampledAtMs < IDLE_SAMPLE_MS) return this.#isIdle;
    const bytes = this.#deps.trafficBytes();
    const secs = (nowMs - this.#sampledAtMs) / 1000;
    this.#isIdle = Number.isFinite(secs) && (bytes - this.#sampledBytes) / secs <= IDLE_BYTES_PER_SEC_MAX;
    this.#sampledAtMs = nowMs;
    this.#sampledBytes = bytes;
    return this.#isIdle;
  }

  /** From where the last one stood to the end of the drive, or until it goes out. */
  async #pass(drive: Drive): Promise<void> {
    const { clock, logger } = this.#deps;
    let { id } = scrubPosition(drive);
    let savedAtMs = clock.monotonicMs();
    try {
      for (;;) {
        const rows = drive.read((index) => index.scrubRows(id));
        if (rows === undefined) return;
        for (const row of rows) {
          await this.#scrub(drive, row);
          id = row.id;
          if (clock.monotonicMs() - savedAtMs < POSITION_SAVE_INTERVAL_MS) continue;
          savedAtMs = clock.monotonicMs();
          savePosition(drive, { scrub_id: id });
        }
        if (rows.length > 0) continue;
        id = 0;
        const lastPassAtMs = clock.nowMs();
        this.figures.lastPassAtMs[drive.path] = lastPassAtMs;
        savePosition(drive, { scrub_id: id, scrub_pass_at: lastPassAtMs });
        logger.info('Cache drive was scrubbed', { path: drive.path, badChunks: this.figures.badChunks });
        return;
      }
    } finally {
      if (id > 0) savePosition(drive, { scrub_id: id });
    }
  }

  async #scrub(drive: Drive, row: ScrubRow): Promise<void> {
    let file: StoredFile;
    try {
      file = await drive.openStored(row);
    } catch (error) {
      await this.#onNoFile(drive, row, error);
      return;
    }
    try {
      const chunks = drive.chunksOf(row.id, row.sizeBytes);
      for (let chunk = 0; chunk < (chunks?.count ?? 0); chunk += 1) {
        if (chunks?.has(chunk)) await this.#scrubChunk(drive, row, chunks, chunk, file);
      }
      if (row.place !== null) return;
      const { bytes, writtenAtMs } = await file.size();
      if (this.#deps.clock.nowMs() - writtenAtMs > SETTLED_AFTER_MS) drive.noteStoredBytes(row.key, row.id, bytes);
    } finally {
      await file.close();
    }
  }

  async #onNoFile(drive: Drive, row: ScrubRow, error: unknown): Promise<void> {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      drive.noteError(error);
      return;
    }
    // Evicted since the row was read, most likely.
    const found = drive.findRow(row.key);
    if (found?.id !== row.id || drive.live.has(row.id)) return;
    this.figures.lostFiles += 1;
    await drive.removeRow(found);
  }

  async #scrubChunk(drive: Drive, row: ScrubRow, chunks: ChunkMap, chunk: number, file: StoredFile): Promise<void> {
    await this.#pace(drive, chunks.chunkBytes(chunk));
    // Read one after another: the drives share the buffer, and the thread pool has other work.
    const run = this.#turn.then(() => this.#check(drive, row, chunks, chunk, file));
    this.#turn = run.catch(() => {});
    await run;
  }

  /** Waits until it is idle and the bytes before these had their time. */
  async #pace(drive: Drive, bytes: number): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#stop;
    await clock.sleep((bytes / Math.max(1, this.#bytesPerSec)) * 1000, signal);
    while (!this.#checkIdle() || this.#bytesPerSec === 0) await clock.sleep(WAIT_MS, signal);
    if (!drive.isUp) throw new Error('the drive is out');
  }

  async #check(drive: Drive, row: ScrubRow, chunks: ChunkMap, chunk: number, file: StoredFile): Promise<void> {
    const wanted = chunks.chunkBytes(chunk);
    const start = chunkStart(chunk);
    const crc = chunks.crc(chunk);
    const wasCached = native?.cachedPages(file.fd, file.base + start, wanted) !== 0;
    let isRead = false;
    let isRight = false;
    try {
      const got = await file.read(this.#buffer, wanted, start);
      isRead = true;
      isRight = got === wanted && crc32(this.#buffer.subarray(0, got)) === crc;
    } catch (error) {
      drive.noteError(error);
    }
    if (!wasCached) native?.dropPages(file.fd, file.base + start, wanted);
    this.figures.chunks += 1;
    this.figures.bytes += wanted;
    if (!isRight && drive.isUp) this.#onBad(drive, row, chunk, crc, isRead);
  }

  #onBad(drive: Drive, row: ScrubRow, chunk: number, crc: number, isRead: boolean): void {
    const object = this.#deps.find(row.key);
    // Replaced, evicted, dropped or written again since its state was read: nothing is wrong with what is there now.
    if (object === undefined || object.id !== row.id || object.drive !== drive || object.isObsolete) return;
    if (!object.chunks.has(chunk) || object.chunks.crc(chunk) !== crc) return;
    if (isRead) this.figures.badChunks += 1;
    else this.figures.unreadableChunks += 1;
    this.#deps.logger.error('Stored chunk is damaged, it is dropped', {
      code: 'CACHE_CHUNK_CORRUPT',
      key: object.key,
      drive: drive.path,
      chunk,
    });
    if (object.isSmall) {
      void drive.remove(object);
      return;
    }
    const isHot = object.uses > 0 || drive.isVisited(object);
    object.dropChunk(chunk);
    if (isHot) this.#deps.onLost(object, chunk);
  }
}

/** Id the scrubber of a drive has come to, 0 between two passes; end of the last pass, ms since 1970. */
export function scrubPosition(drive: Drive): { id: number; lastPassAtMs: number } {
  const position = drive.read((index) => ({
    id: index.state('scrub_id'),
    lastPassAtMs: index.state('scrub_pass_at'),
  }));
  return position ?? { id: 0, lastPassAtMs: 0 };
}

function savePosition(drive: Drive, position: { scrub_id: number; scrub_pass_at?: number }): void {
  drive.read((index) => index.setState(position));
}

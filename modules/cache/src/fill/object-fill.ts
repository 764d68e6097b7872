// Fetching one object for all who read it: one transfer a missing stretch, readers follow the marks, nobody fetches twice.
//
// INVARIANTS
// - A chunk is in at most one running transfer.
// - A reader that waits is woken when its next byte is readable, or told why it never will be.
// - While the fill is active the object is retained, so it is not evicted.

import { EdgeError, type Logger } from '@wayside/kit';
import type { OpenResponse } from '../origin/origin-gate.ts';
import type { CacheObject, ObjectWork } from '../store/cache-object.ts';
import { chunkOf } from '../store/chunk-map.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { FillMeters } from './fill-meters.ts';
import { ReadPattern } from './read-pattern.ts';
import { type ChunkSpan, isWorthFinishing, LANES_MAX, planSegments, type Wish } from './segments.ts';
import { Transfer, type TransferDeps, type TransferSource } from './transfer.ts';

/** How long a fill goes on after its last reader left. */
const ABANDON_AFTER_MS = 2000;
/** With many waiting readers progress is passed on at this pace: each pass is one system call a reader. */
const WAKE_INTERVAL_MS = 8;
/** Up to this many are woken by every write. */
const WAKE_AT_ONCE_MAX = 4;

/** A reader's wish in bytes: [position, end) is wanted, with what is worth fetching ahead. */
export interface FillReader {
  position: number;
  end: number;
  /** Set while it waits. */
  wake: ((error?: Error) => void) | null;
}

export interface FillDeps extends TransferDeps {
  store: ObjectStore;
  logger: Logger;
  meters?: FillMeters;
}

export class ObjectFill implements ObjectWork {
  readonly #object: CacheObject;
  readonly #deps: FillDeps;
  readonly #transfers = new Set<Transfer>();
  readonly #readers = new Set<FillReader>();
  readonly pattern = new ReadPattern();
  source: TransferSource;
  #wakeTimer: NodeJS.Timeout | null = null;
  #abandonTimer: NodeJS.Timeout | null = null;
  #isFinishing = false;
  #isRetaining = false;

  constructor(object: CacheObject, source: TransferSource, deps: FillDeps) {
    this.#object = object;
    this.#deps = deps;
    this.source = source;
  }

  get isActive(): boolean {
    return this.#transfers.size > 0;
  }

  /** Where its readers are: what lies ahead of them is kept. */
  get positions(): Iterable<number> {
    return Array.from(this.#readers, (reader) => reader.position);
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  join(reader: FillReader): void {
    this.#readers.add(reader);
    this.#isFinishing = false;
    if (this.#abandonTimer !== null) clearTimeout(this.#abandonTimer);
    this.#abandonTimer = null;
    if (this.#transfers.size < LANES_MAX) this.#plan();
  }

  leave(reader: FillReader): void {
    reader.wake = null;
    if (!this.#readers.delete(reader) || this.#readers.size > 0 || this.#transfers.size === 0) return;
    this.#abandonTimer ??= setTimeout(() => this.#abandon(), ABANDON_AFTER_MS);
  }

  #isComing(position: number): boolean {
    for (const transfer of this.#transfers) if (position >= transfer.start && position < transfer.end) return true;
    return false;
  }

  /** Calls back once when the byte at reader.position is readable, or with the reason why it will not be. */
  wait(reader: FillReader, wake: (error?: Error) => void): void {
    reader.wake = wake;
    // Planning looks at every reader; what is on its way needs none of it.
    if (this.#object.isObsolete || !this.#isComing(reader.position)) this.#plan();
  }

  /** Fetches ahead for wishes as far as lanes are free. */
  advance(): void {
    this.#plan();
  }

  /** Takes over a response that is under way; the span is reserved already. */
  adopt(response: OpenResponse, span: ChunkSpan, skipBytes: number): void {
    this.#run(this.#newTransfer(span), { response, skipBytes });
    // The client that asked may have left before it could join.
    if (this.#readers.size === 0) this.#abandonTimer ??= setTimeout(() => this.#abandon(), ABANDON_AFTER_MS);
  }

  cancel(reason: Error): void {
    for (const transfer of this.#transfers) transfer.cancel(reason);
    for (const reader of this.#readers) this.#fail(reader, reason);
  }

  #wishes(): Wish[] {
    const wishes: Wish[] = [];
    for (const { position, end, wake } of this.#readers) {
      if (position < end) wishes.push({ from: chunkOf(position), to: chunkOf(end - 1) + 1, isWaiting: wake !== null });
    }
    if (this.#isFinishing) wishes.push({ from: 0, to: this.#object.chunks.count, isWaiting: false });
    return wishes;
  }

  #plan(): void {
    if (this.#object.isObsolete) {
      this.cancel(new EdgeError('CACHE_ORIGIN_CHANGED', `"${this.#object.key}" was replaced`, { source: 'upstream' }));
      return;
    }
    const { chunks, meta } = this.#object;
    const running = [...this.#transfers].map((transfer) => transfer.span);
    const wishes = this.#wishes();
    if (!meta.ranged) {
      if (running.length > 0 || !wishes.some((wish) => chunks.firstMissing(wish.from, wish.to) >= 0)) return;
      this.#start({ from: 0, to: chunks.count });
      return;
    }
    for (const span of planSegments({ chunks, running, wishes })) this.#start(span);
  }

  #newTransfer(span: ChunkSpan): Transfer {
    const transfer = new Transfer(
      this.#object,
      span,
      this.#deps,
      () => this.source,
      (t) => this.#onProgress(t),
    );
    this.#transfers.add(transfer);
    if (!this.#isRetaining) {
      this.#isRetaining = true;
      this.#object.retain();
    }
    return transfer;
  }

  #start(span: ChunkSpan): void {
    const transfer = this.#newTransfer(span);
    void this.#object.drive.reserve(this.#object, span.from, span.to).then(
      (hasRoom) => {
        if (hasRoom) this.#run(transfer);
        else this.#onFailed(transfer, new EdgeError('CACHE_STORE_FULL', `Cannot store "${this.#object.key}": no room`));
      },
      (error) => this.#onFailed(transfer, error),
    );
  }

  #run(transfer: Transfer, first?: { response: OpenResponse; skipBytes: number }): void {
    const startedAtMs = performance.now();
    transfer.run(first).then(
      () => {
        this.#deps.meters?.end(startedAtMs, true);
        this.#onDone(transfer);
      },
      (error) => {
        this.#deps.meters?.end(startedAtMs, false);
        this.#onFailed(transfer, error);
      },
    );
  }

  #onProgress(transfer: Transfer): void {
    const isFirst = transfer.mark - transfer.start <= 64 * 1024;
    if (isFirst || this.#readers.size <= WAKE_AT_ONCE_MAX) this.#wake();
    else this.#wakeTimer ??= setTimeout(() => this.#wake(), WAKE_INTERVAL_MS);
  }

  #wake(): void {
    if (this.#wakeTimer !== null) clearTimeout(this.#wakeTimer);
    this.#wakeTimer = null;
    for (const reader of [...this.#readers]) {
      if (reader.wake === null) continue;
      const { position } = reader;
      if (this.#object.chunks.filledEnd(position) <= position) continue;
      const { wake } = reader;
      reader.wake = null;
      wake();
    }
  }

  #onDone(transfer: Transfer): void {
    this.#transfers.delete(transfer);
    this.#wake();
    if (this.#readers.size > 0 || this.#isFinishing) this.#plan();
    this.#settle();
  }

  #onFailed(transfer: Transfer, error: Error): void {
    this.#transfers.delete(transfer);
    transfer.stop();
    const isChange = error instanceof EdgeError && error.code === 'CACHE_ORIGIN_CHANGED';
    const { key } = this.#object;
    if (isChange && !this.#object.isObsolete) {
      this.#deps.logger.warn('Object changed at the origin, it is dropped', {
        code: 'CACHE_ORIGIN_CHANGED',
        key,
        error,
      });
      void this.#deps.store.drop(this.#object);
      this.cancel(error);
    } else {
      // Others may have what they need; only who stands inside the failed stretch is told.
      for (const reader of this.#readers) {
        if (reader.position >= transfer.start && reader.position < transfer.end) this.#fail(reader, error);
      }
    }
    this.#settle();
  }

  #fail(reader: FillReader, error: Error): void {
    const { wake } = reader;
    if (wake === null) return;
    reader.wake = null;
    wake(error);
  }

  #settle(): void {
    if (this.#transfers.size > 0) return;
    this.#isFinishing = false;
    if (this.#abandonTimer !== null) clearTimeout(this.#abandonTimer);
    this.#abandonTimer = null;
    if (this.#isRetaining) {
      this.#isRetaining = false;
      this.#object.noteWritten();
      this.#object.drive.markDirty(this.#object);
      this.#object.release();
    }
  }

  /** Nobody reads any more: either the rest is small enough to be brought, or everything stops. */
  #abandon(): void {
    this.#abandonTimer = null;
    if (this.#readers.size > 0) return;
    const { chunks, sizeBytes, meta } = this.#object;
    if (isWorthFinishing(sizeBytes - chunks.presentBytes(0, sizeBytes), sizeBytes)) {
      this.#isFinishing = true;
      if (meta.ranged) this.#plan();
      return;
    }
    const reason = new EdgeError('CACHE_ORIGIN_UNREACHABLE', 'Nobody reads the object any more');
    for (const transfer of this.#transfers) transfer.cancel(reason);
  }
}

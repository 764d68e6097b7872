// One stored representation as whoever delivers it sees it: headers, freshness, descriptor and what is there of its bytes.
// The engine's own objects are views with more; delivery threads hold views over the same shared state.

import { fstatSync } from 'node:fs';
import type { Freshness } from '../freshness/freshness.ts';
import type { Validators } from '../request/precondition.ts';
import type { ChunkView } from './chunk-map.ts';
import { freshnessOf, type ObjectMeta, validatorsOf } from './object-meta.ts';
import { type ObjectState, stampOf } from './object-state.ts';

/** How often a file's times are looked at for changes made by others. */
const TAMPER_CHECK_INTERVAL_MS = 100;

export class ObjectView {
  /** Unique on its drive, rising; never given twice. */
  readonly id: number;
  readonly key: string;
  readonly state: ObjectState;
  readonly chunks: ChunkView;
  /** It has no file of its own: its body is served from memory, and read into it before that. */
  readonly isSmall: boolean;
  /** Headers as sent, prepared by the response side; void when meta changes. */
  preparedHeaders: string[] | null = null;
  #meta: ObjectMeta;
  #hotBody: Buffer | null = null;
  #checkedAtMs = 0;
  #freshness: Freshness | null = null;
  #ttlSecs: number | undefined;
  #validators: Validators | null = null;

  constructor(id: number, key: string, meta: ObjectMeta, chunks: ChunkView, state: ObjectState, isSmall = false) {
    this.id = id;
    this.key = key;
    this.state = state;
    this.chunks = chunks;
    this.#meta = meta;
    this.isSmall = isSmall;
  }

  get sizeBytes(): number {
    return this.chunks.sizeBytes;
  }

  /** Descriptor of the file, -1 when it is not open. Stays good for as long as the caller holds a use. */
  get fd(): number {
    return this.state.fd;
  }

  /** Its bytes can be had without asking the drive for its file. */
  get isOpen(): boolean {
    return this.isSmall ? this.#hotBody !== null : this.state.fd >= 0;
  }

  get meta(): ObjectMeta {
    return this.#meta;
  }

  protected replaceMeta(meta: ObjectMeta): void {
    this.#meta = meta;
    this.#freshness = null;
    this.#validators = null;
    this.preparedHeaders = null;
  }

  /** Body of a small object in memory, null when not held. */
  get hotBody(): Buffer | null {
    return this.#hotBody;
  }

  set hotBody(body: Buffer | null) {
    this.#hotBody = body;
  }

  get validators(): Validators {
    this.#validators ??= validatorsOf(this.#meta.headers);
    return this.#validators;
  }

  freshness(ttlSecs: number | undefined): Freshness {
    if (this.#freshness === null || this.#ttlSecs !== ttlSecs) {
      this.#ttlSecs = ttlSecs;
      this.#freshness = freshnessOf(this.#meta, ttlSecs);
    }
    return this.#freshness;
  }

  /** Replaced or dropped: no new request gets it. */
  get isObsolete(): boolean {
    return this.state.isObsolete;
  }

  /** Notes a hit for eviction. */
  visit(): void {
    this.state.visit();
  }

  /** Readers, transfers and loads that use the object, of all threads; it is not evicted meanwhile. */
  get uses(): number {
    return this.state.uses;
  }

  retain(): void {
    this.state.retain();
  }

  release(): void {
    this.state.release();
  }

  /**
   * Looks whether somebody else changed the file since we last looked; if so, every chunk is checked again before it is served.
   * Costs an fstat every TAMPER_CHECK_INTERVAL_MS at most.
   * @param nowMs performance.now() of this thread
   */
  checkUntouched(nowMs: number): void {
    if (nowMs - this.#checkedAtMs < TAMPER_CHECK_INTERVAL_MS) return;
    this.#checkedAtMs = nowMs;
    // With a use the descriptor stays ours while it is looked at.
    this.retain();
    try {
      const { fd } = this;
      if (fd >= 0 && this.state.compareStamp(() => stampOf(fstatSync(fd)))) this.hotBody = null;
    } finally {
      this.release();
    }
  }
}

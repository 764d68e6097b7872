// How many bytes one drive holds and may still take: its own cap, and what the file system can give.
//
// INVARIANT: usedBytes never falls below what lies on the drive; a reservation counts before its first byte is written, and a file
// counts until it is both deleted and closed.

import type { DriveFiles } from './drive-files.ts';

/** Left free on the file system, for the index above all; at most 1/FREE_SHARE of the cap. */
const FREE_BYTES_KEPT_MAX = 16 * 1024 * 1024;
const FREE_SHARE = 50;
/** With less free than this the file system is asked at each reservation, and blocks are allotted before they are promised. */
const SHORT_OF_SPACE_BYTES = 256 * 1024 * 1024;
/** The index grows between two looks at it; kept free within the cap. */
const GROWTH_ALLOWANCE_BYTES = 1024 * 1024;
/** Blocks no smaller than a page of memory, whatever the file system says. */
const BLOCK_BYTES_MIN = 4096;
/** After an unclean end: what may lie on the drive that no row knows, until a sweep has looked. It is what came in the last moments before. */
const UNKNOWN_BYTES_MAX = 64 * 1024 * 1024;
/** The same as a share of a small drive. */
const UNKNOWN_SHARE = 1 / 2;
/** A file system that gives less than this share of the cap is an issue, though the drive serves on within it. */
const CAP_SHARE_MIN = 0.9;
const NEARLY_FULL_SHARE = 0.9;

export class DriveSpace {
  readonly capBytes: number;
  readonly #files: DriveFiles;
  readonly #keptBytes: number;
  #contentBytes = 0;
  #overheadBytes = 0;
  #unknownBytes = 0;
  #freeBytes = Number.POSITIVE_INFINITY;
  #blockBytes = BLOCK_BYTES_MIN;

  constructor(capBytes: number, files: DriveFiles) {
    this.capBytes = capBytes;
    this.#files = files;
    this.#keptBytes = Math.min(FREE_BYTES_KEPT_MAX, Math.floor(capBytes / FREE_SHARE));
  }

  get usedBytes(): number {
    return this.#contentBytes + this.#overheadBytes + this.#unknownBytes;
  }

  get isNearlyFull(): boolean {
    return this.usedBytes > this.capBytes * NEARLY_FULL_SHARE;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** The drive was opened with this content; `isUnclean`: there may be more than that. */
  start(contentBytes: number, isUnclean: boolean): void {
    this.#contentBytes = contentBytes;
    this.#unknownBytes = isUnclean ? Math.min(UNKNOWN_BYTES_MAX, this.capBytes * UNKNOWN_SHARE) : 0;
  }

  /** A sweep has looked: what no row knew is gone. */
  noteSwept(): void {
    this.#unknownBytes = 0;
  }

  /** Looks at what lies beside the objects and at what the file system can give. Throws what the system says. */
  look(objects: number): void {
    // A cap below the index's own needs would make the drive useless; half of it is for content in any case.
    const overheadMax = this.capBytes / 2;
    this.#overheadBytes = Math.min(overheadMax, this.#files.overheadBytes(objects) + GROWTH_ALLOWANCE_BYTES);
    this.#lookAtFree();
  }

  #lookAtFree(): void {
    const { freeBytes, blockBytes } = this.#files.free();
    this.#freeBytes = freeBytes;
    this.#blockBytes = Math.max(BLOCK_BYTES_MIN, blockBytes);
  }

  /** Little is left on the file system, whatever the cap says. */
  get isShort(): boolean {
    return this.#freeBytes < SHORT_OF_SPACE_BYTES;
  }

  /** The file system cannot give what the cap promises. */
  get isTooSmall(): boolean {
    return this.usedBytes + Math.max(0, this.#freeBytes - this.#keptBytes) < this.capBytes * CAP_SHARE_MIN;
  }

  /** Bytes as the file system allots them. */
  blocks(bytes: number): number {
    return Math.ceil(bytes / this.#blockBytes) * this.#blockBytes;
  }

  /** Bytes that must go before so many come; 0 when there is room. */
  missingBytes(bytes: number): number {
    if (this.isShort) this.#lookAtFree();
    return Math.max(0, this.usedBytes + bytes - this.capBytes, bytes - (this.#freeBytes - this.#keptBytes));
  }

  take(bytes: number): void {
    this.#contentBytes += bytes;
    this.#freeBytes -= bytes;
  }

  give(bytes: number): void {
    this.#contentBytes = Math.max(0, this.#contentBytes - bytes);
    this.#freeBytes += bytes;
  }

  /** The file system said that nothing is left, whatever was thought. */
  noteFull(): void {
    this.#freeBytes = 0;
  }
}

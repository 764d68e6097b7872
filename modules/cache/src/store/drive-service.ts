// Whether one drive is in service: opens its index, takes it out when it fails, says what is wrong, and brings it back by itself.

import { describeError, type Logger } from '@wayside/kit';
import type { DriveFiles } from './drive-files.ts';
import { DriveHealth } from './drive-health.ts';
import { DriveIndex } from './drive-index.ts';
import { type DriveIssue, driveIssueOf, isIndexDamage, STALLED } from './drive-issue.ts';
import type { DriveSpace } from './drive-space.ts';

/** A look at the drive that takes longer counts as an I/O error. */
const PROBE_TIMEOUT_MS = 20_000;

export interface DriveServiceDeps {
  path: string;
  files: DriveFiles;
  space: DriveSpace;
  logger: Logger;
  /** The index is open; throws when the drive cannot be used after all. */
  onOpen(index: DriveIndex): void;
  /** The drive is in service, for the first time or again, and nothing was served from it yet. */
  onUp(): void;
  /** The index is not to be used any more; called before it is closed. */
  onClose(): void;
  /** The drive was taken out. */
  onOut(reason: Error): void;
  /** The drive was looked at and found well. */
  onWell(index: DriveIndex): Promise<void>;
}

export class DriveService {
  issue: DriveIssue | null = null;
  issueText = '';
  #index: DriveIndex | null = null;
  #isIndexDamaged = false;
  #probing: Promise<void> | null = null;
  readonly #health = new DriveHealth();
  readonly #deps: DriveServiceDeps;

  constructor(deps: DriveServiceDeps) {
    this.#deps = deps;
  }

  /** null while the drive is out. */
  get index(): DriveIndex | null {
    return this.#index;
  }

  /** Reads from the index; a drive whose index cannot be read is taken out, and nobody else suffers. */
  read<T>(fn: (index: DriveIndex) => T): T | undefined {
    if (this.#index === null) return undefined;
    try {
      return fn(this.#index);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /** Opens or re-opens the drive. Returns false with `issue` set when it cannot be used. Reads no object. */
  start(): boolean {
    if (this.#index !== null) return true;
    const { files, space, logger } = this.#deps;
    try {
      const marker = files.check(space.capBytes);
      if (this.#isIndexDamaged) this.#setIndexAside();
      this.#index = new DriveIndex(files.indexPath, logger);
      files.settle(marker);
      this.#deps.onOpen(this.#index);
      this.#isIndexDamaged = false;
      this.#health.up(performance.now());
      this.#noteSpace();
      this.#deps.onUp();
      return true;
    } catch (error) {
      this.#setIssue(error);
      this.close();
      return false;
    }
  }

  #setIndexAside(): void {
    const { path, files, logger } = this.#deps;
    logger.error('Index of a cache drive is damaged, it was set aside and a new one is made', {
      code: 'CACHE_INDEX_CORRUPT',
      path,
      aside: files.quarantineIndex(),
    });
  }

  #setIssue(error: unknown): void {
    const { path, logger } = this.#deps;
    const issue = driveIssueOf(error);
    const reason = describeError(error);
    // Said once: a drive that stays out is looked at again and again.
    if (this.issue !== issue || this.issueText !== reason) {
      logger.error('Cache drive is out', { code: 'CACHE_DRIVE_FAILED', path, issue, reason });
    }
    this.issue = issue;
    this.issueText = reason;
    this.#health.down(performance.now());
  }

  /** Takes the drive out: its objects are gone for new requests, everything else serves on. */
  fail(error: unknown): void {
    if (this.#index === null) return;
    this.#setIssue(error);
    this.#isIndexDamaged = isIndexDamage(error);
    this.close();
    this.#deps.onOut(error instanceof Error ? error : new Error('drive failed'));
  }

  close(): void {
    const index = this.#index;
    this.#index = null;
    this.#deps.onClose();
    try {
      index?.close();
    } catch {
      // The database may be as broken as the drive.
    }
  }

  /** Counts an I/O error of one object; too many, or one that concerns the whole drive, take the drive out. */
  noteError(error: unknown): void {
    if (this.#health.noteError(error, performance.now())) this.fail(error);
    // One error may be the first sign of a dead drive: it is looked at now, not at the next interval.
    else if (driveIssueOf(error) === 'DriveInputOutputError') void this.probe();
  }

  /** Looks at the drive itself: still there, writable, and the same one. Brings a failed drive back when it works again. */
  probe(): Promise<void> {
    const before = this.#probing ?? Promise.resolve();
    const run = before.then(() => (this.#index === null ? this.#comeBack() : this.#check()));
    this.#probing = run;
    return run.finally(() => {
      if (this.#probing === run) this.#probing = null;
    });
  }

  /** probe() at the pace of a timer: a drive that is out is looked at with growing pauses. */
  probeIfDue(nowMs: number): void {
    if (this.#probing !== null || (this.#index === null && !this.#health.isDue(nowMs))) return;
    void this.probe();
  }

  async #comeBack(): Promise<void> {
    const { path, files, space, logger } = this.#deps;
    try {
      // Not by start() itself: a drive that hangs would hold up everything.
      await withinTime(files.probeReachable(), PROBE_TIMEOUT_MS);
      files.check(space.capBytes);
      await withinTime(files.probeWriting(true), PROBE_TIMEOUT_MS);
    } catch (error) {
      if (this.#index === null) this.#setIssue(error);
      return;
    }
    if (this.#index === null && this.start()) logger.info('Cache drive is back', { path });
  }

  async #check(): Promise<void> {
    const { files, space } = this.#deps;
    try {
      await withinTime(files.probe(), PROBE_TIMEOUT_MS);
      if (this.#index === null) return;
      space.look(this.#index.totals().objects);
      await this.#deps.onWell(this.#index);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#noteSpace();
  }

  /** A file system that cannot give the cap is an issue, though the drive serves on within what there is. */
  #noteSpace(): void {
    if (this.#index === null) return;
    const { path, space, logger } = this.#deps;
    if (!space.isTooSmall) {
      this.issue = null;
      this.issueText = '';
      return;
    }
    const { capBytes, usedBytes } = space;
    this.issueText = `the file system has no room for the drive's cap of ${capBytes} bytes, ${usedBytes} are used`;
    if (this.issue === 'DriveTooSmall') return;
    this.issue = 'DriveTooSmall';
    const fields = { code: 'CACHE_DRIVE_SHORT_OF_SPACE', path, capBytes, usedBytes };
    logger.warn('File system of a cache drive is short of space, the drive keeps to what there is', fields);
  }
}

/** Rejects with STALLED when the drive does not answer in time; what was asked of it goes on in its thread. */
async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = Object.assign(new Error(`the drive did not answer within ${timeoutMs} ms`), { code: STALLED });
    timer = setTimeout(() => reject(error), timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

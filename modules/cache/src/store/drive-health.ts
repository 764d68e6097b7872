// When a drive is taken out for its errors, and when it is looked at again. Pure: time is given in.

import { backoffDelayMs } from '@wayside/kit';
import { driveErrorCode } from './drive-issue.ts';

/** I/O errors within IO_ERRORS_WINDOW_MS after which a drive is taken out; a single bad sector costs one chunk only. */
export const IO_ERRORS_MAX = 5;
export const IO_ERRORS_WINDOW_MS = 60_000;
/** First look at a drive that is out; each fruitless one, and each relapse, doubles the pause. */
export const PROBE_BACKOFF_BASE_MS = 2000;
export const PROBE_BACKOFF_MAX_MS = 120_000;
/** A drive that was in service this long starts with a short pause again. */
export const STEADY_MS = 600_000;

/** Errors that concern the whole drive. */
const FATAL: readonly string[] = ['EROFS', 'ENODEV', 'ENXIO', 'ESTALE', 'ENOTCONN', 'EUCLEAN'];
/** Errors that say nothing about a drive: full, evicted meanwhile, our own limits. */
const HARMLESS: readonly string[] = [
  'ENOSPC',
  'EDQUOT',
  'ENOENT',
  'EMFILE',
  'ENFILE',
  'EBADF',
  'ENOMEM',
  'EINTR',
  'EAGAIN',
];

export class DriveHealth {
  #errorsAtMs: number[] = [];
  #attempts = 0;
  #upAtMs = 0;
  #dueAtMs = 0;

  /** True when this error takes the drive out. */
  noteError(error: unknown, nowMs: number): boolean {
    const code = driveErrorCode(error);
    if (HARMLESS.includes(code)) return false;
    this.#errorsAtMs = this.#errorsAtMs.filter((atMs) => atMs > nowMs - IO_ERRORS_WINDOW_MS);
    this.#errorsAtMs.push(nowMs);
    return FATAL.includes(code) || this.#errorsAtMs.length >= IO_ERRORS_MAX;
  }

  /** The drive is in service. */
  up(nowMs: number): void {
    this.#upAtMs = nowMs;
    this.#errorsAtMs = [];
  }

  /** The drive went out, or is still out. */
  down(nowMs: number): void {
    if (this.#upAtMs > 0 && nowMs - this.#upAtMs >= STEADY_MS) this.#attempts = 0;
    this.#upAtMs = 0;
    const options = { attempt: this.#attempts, baseMs: PROBE_BACKOFF_BASE_MS, maxMs: PROBE_BACKOFF_MAX_MS };
    this.#dueAtMs = nowMs + backoffDelayMs(options);
    this.#attempts += 1;
  }

  /** It is time to look whether the drive works again. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueAtMs;
  }
}

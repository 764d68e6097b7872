// What is wrong with a cache drive, in the words of the cache's report (connected-cache 1.7), read from the error that took it out.

import type { CacheReport } from '@wayside/protocol';

export type DriveIssue = NonNullable<CacheReport['drives'][number]['issue']>;

/** Error code of a file system that is smaller than the drive's cap. */
export const TOO_SMALL = 'TOO_SMALL';
/** Error code of a folder on which nothing is mounted any more: what is written there would fill the disk below. */
export const NOT_MOUNTED = 'NOT_MOUNTED';
/** Error code of a drive that does not answer. */
export const STALLED = 'STALLED';

const ISSUES: { readonly [code: string]: DriveIssue } = {
  ENOENT: 'DriveNotFound',
  ENOTDIR: 'DriveNotFound',
  ENODEV: 'DriveNotFound',
  ENXIO: 'DriveNotFound',
  ENOTCONN: 'DriveNotFound',
  ESTALE: 'DriveNotFound',
  [NOT_MOUNTED]: 'DriveNotFound',
  EACCES: 'DrivePermission',
  EPERM: 'DrivePermission',
  EROFS: 'DrivePermission',
  ENOSPC: 'DriveTooSmall',
  EDQUOT: 'DriveTooSmall',
  [TOO_SMALL]: 'DriveTooSmall',
  EIO: 'DriveInputOutputError',
  EUCLEAN: 'DriveInputOutputError',
  EBADMSG: 'DriveInputOutputError',
  [STALLED]: 'DriveInputOutputError',
};

/** SQLite's primary result codes that speak of the drive: READONLY, IOERR, FULL; CORRUPT (11) and NOTADB (26) name the index alone. */
const SQLITE_CODES: { readonly [code: number]: string } = {
  8: 'EROFS',
  10: 'EIO',
  13: 'ENOSPC',
  11: 'EUCLEAN',
  26: 'EUCLEAN',
};

/** Errors stand in one another this deep at most. */
const CAUSES_MAX = 5;

interface ErrorFacts {
  code?: unknown;
  errcode?: unknown;
  cause?: ErrorFacts;
}

/** The system's name of an error (ENOSPC, EIO ...), also when SQLite or an error of ours stands around it; '' for none. */
export function driveErrorCode(error: unknown): string {
  for (
    let at = error as ErrorFacts | null | undefined, depth = 0;
    at && depth < CAUSES_MAX;
    at = at.cause, depth += 1
  ) {
    const { code, errcode } = at;
    // The low byte is the primary code, the rest says more of the same kind.
    if (typeof errcode === 'number') return SQLITE_CODES[errcode & 0xff] ?? '';
    if (typeof code === 'string' && (code in ISSUES || /^E[A-Z0-9]+$/.test(code))) return code;
  }
  return '';
}

/** No room on the file system: the drive itself works. */
export function isOutOfSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(driveErrorCode(error));
}

/** The index is damaged, not the drive. */
export function isIndexDamage(error: unknown): boolean {
  return driveErrorCode(error) === 'EUCLEAN' && (error as ErrorFacts).errcode !== undefined;
}

export function driveIssueOf(error: unknown): DriveIssue {
  return ISSUES[driveErrorCode(error)] ?? 'Other';
}

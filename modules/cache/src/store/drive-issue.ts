// What is wrong with a cache drive, in the words of the cache's report, read from the error that took it out.

import type { CacheReport } from '@wayside/protocol';

export type DriveIssue = NonNullable<CacheReport['drives'][number]['issue']>;

/** Error code of a file system that is smaller than the drive's cap. */
export const TOO_SMALL = 'TOO_SMALL';

const ISSUES: { readonly [code: string]: DriveIssue } = {
  ENOENT: 'DriveNotFound',
  ENOTDIR: 'DriveNotFound',
  EACCES: 'DrivePermission',
  EPERM: 'DrivePermission',
  EROFS: 'DrivePermission',
  [TOO_SMALL]: 'DriveTooSmall',
  EIO: 'DriveInputOutputError',
};

export function driveIssueOf(error: unknown): DriveIssue {
  return ISSUES[(error as NodeJS.ErrnoException).code ?? ''] ?? 'Other';
}

import { describe, expect, test } from '@jest/globals';
import { EdgeError } from '@wayside/kit';
import {
  DriveHealth,
  IO_ERRORS_MAX,
  IO_ERRORS_WINDOW_MS,
  PROBE_BACKOFF_BASE_MS,
  PROBE_BACKOFF_MAX_MS,
  STEADY_MS,
} from './drive-health.ts';
import { driveIssueOf, isIndexDamage, isOutOfSpace } from './drive-issue.ts';

const errorOf = (code: string) => Object.assign(new Error(code), { code });
const sqliteError = (errcode: number) => Object.assign(new Error('disk'), { code: 'ERR_SQLITE_ERROR', errcode });

describe('driveIssueOf()', () => {
  test.each([
    [errorOf('ENOENT'), 'DriveNotFound'],
    [errorOf('EROFS'), 'DrivePermission'],
    [errorOf('EACCES'), 'DrivePermission'],
    [errorOf('ENOSPC'), 'DriveTooSmall'],
    [errorOf('EIO'), 'DriveInputOutputError'],
    [sqliteError(778), 'DriveInputOutputError'],
    [sqliteError(13), 'DriveTooSmall'],
    [sqliteError(8), 'DrivePermission'],
    [new EdgeError('KIT_DATABASE_FAILED', 'Cannot open', { cause: sqliteError(266) }), 'DriveInputOutputError'],
    [new Error('odd'), 'Other'],
    [undefined, 'Other'],
  ])('%s is %s', (error, issue) => {
    expect(driveIssueOf(error)).toBe(issue);
  });

  test('a full disk and a damaged index are told from a broken drive', () => {
    expect([isOutOfSpace(sqliteError(13)), isOutOfSpace(errorOf('EDQUOT')), isOutOfSpace(errorOf('EIO'))]).toEqual([
      true,
      true,
      false,
    ]);
    expect([
      isIndexDamage(sqliteError(11)),
      isIndexDamage(sqliteError(267)),
      isIndexDamage(errorOf('EUCLEAN')),
    ]).toEqual([true, true, false]);
  });
});

describe('DriveHealth', () => {
  test('some bad sectors within the window take a drive out, the same ones over a longer time do not', () => {
    const dense = new DriveHealth();
    const sparse = new DriveHealth();
    const verdicts = (health: DriveHealth, pauseMs: number) =>
      Array.from({ length: IO_ERRORS_MAX }, (_, i) => health.noteError(errorOf('EIO'), i * pauseMs));
    expect(verdicts(dense, 1)).toEqual([...Array(IO_ERRORS_MAX - 1).fill(false), true]);
    expect(verdicts(sparse, IO_ERRORS_WINDOW_MS)).toEqual(Array(IO_ERRORS_MAX).fill(false));
  });

  test('what concerns the whole drive takes it out at once; what says nothing about it never does', () => {
    const health = new DriveHealth();
    expect(health.noteError(errorOf('EROFS'), 0)).toBe(true);
    for (let i = 0; i < 100; i += 1) {
      for (const code of ['ENOSPC', 'ENOENT', 'EMFILE']) expect(health.noteError(errorOf(code), 0)).toBe(false);
    }
  });

  test('looks at a dead drive at growing pauses, and quickly again once it was steady', () => {
    const health = new DriveHealth();
    const pauseAfter = (nowMs: number) => {
      health.down(nowMs);
      let pauseMs = 0;
      while (!health.isDue(nowMs + pauseMs)) pauseMs += 500;
      return pauseMs;
    };
    const pauses = Array.from({ length: 9 }, () => pauseAfter(0));
    expect(pauses.slice(0, 3)).toEqual([1, 2, 4].map((factor) => factor * PROBE_BACKOFF_BASE_MS));
    expect(pauses.at(-1)).toBe(PROBE_BACKOFF_MAX_MS);
    // A relapse right away goes on where it was.
    health.up(1000);
    expect(pauseAfter(2000)).toBe(PROBE_BACKOFF_MAX_MS);
    health.up(3000);
    expect(pauseAfter(3000 + STEADY_MS)).toBe(PROBE_BACKOFF_BASE_MS);
  });
});

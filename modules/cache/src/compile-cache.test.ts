import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { privateFolder } from './compile-cache.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wayside-compiled-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('privateFolder()', () => {
  test('makes a folder for this user alone, and takes it again', () => {
    const path = join(directory, 'own');
    expect([privateFolder(path), privateFolder(path)]).toEqual([path, path]);
  });

  test('refuses a folder that others may write', () => {
    const path = join(directory, 'open');
    privateFolder(path);
    chmodSync(path, 0o777);
    expect(privateFolder(path)).toBeUndefined();
  });

  test('refuses a folder of another user, a link and a file', () => {
    const own = privateFolder(join(directory, 'target')) as string;
    symlinkSync(own, join(directory, 'link'));
    writeFileSync(join(directory, 'file'), '');
    expect(privateFolder(own, 4_000_000)).toBeUndefined();
    expect(privateFolder(join(directory, 'link'))).toBeUndefined();
    expect(privateFolder(join(directory, 'file'))).toBeUndefined();
  });
});

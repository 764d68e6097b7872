import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readJsonFile, writeFileAtomic, writeJsonFile } from './json-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-json-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('writes, replaces and reads, with the rights asked for, and leaves nothing beside', async () => {
  const path = join(folder, 'a.json');
  await writeJsonFile(path, { a: 1 });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await writeJsonFile(path, { a: 'ü' }, { mode: 0o644 });
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  expect(await readJsonFile(path)).toEqual({ a: 'ü' });
  expect(await readdir(folder)).toEqual(['a.json']);
});

test('a failed write leaves the old content', async () => {
  const path = join(folder, 'a');
  await writeFileAtomic(path, 'old');
  await expect(writeFileAtomic(path, { not: 'bytes' } as never)).rejects.toThrow();
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['a']);
});

test('many writers at once: one whole content wins', async () => {
  const path = join(folder, 'a.json');
  await Promise.all(Array.from({ length: 20 }, (_, i) => writeJsonFile(path, { i, pad: 'x'.repeat(10_000) })));
  expect(await readJsonFile<{ pad: string }>(path)).toMatchObject({ pad: 'x'.repeat(10_000) });
  expect(await readdir(folder)).toEqual(['a.json']);
});

test('no file is undefined; no JSON is an error that quotes nothing', async () => {
  expect(await readJsonFile(join(folder, 'none'))).toBeUndefined();
  const path = join(folder, 'bad');
  await writeFile(path, '{"key": hush}');
  const error = await readJsonFile(path).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'KIT_JSON_FILE_INVALID' });
  expect(String(error)).not.toContain('hush');
  await expect(readJsonFile(folder)).rejects.toMatchObject({ code: 'EISDIR' });
});

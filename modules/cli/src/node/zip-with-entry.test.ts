import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import yauzl, { type Entry } from 'yauzl';
import { ZipFile } from 'yazl';
import { bundleName } from './support-bundle.ts';
import { copyZipWith } from './zip-with-entry.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-zip-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function zip(entries: { [path: string]: string }): Promise<string> {
  const file = new ZipFile();
  for (const [path, content] of Object.entries(entries)) file.addBuffer(Buffer.from(content), path);
  file.end();
  const path = join(directory, 'in.zip');
  await writeFile(path, await buffer(file.outputStream));
  return path;
}

async function unzip(path: string): Promise<{ [path: string]: string }> {
  const reader = await yauzl.openPromise(path, { lazyEntries: true });
  const found: { [path: string]: string } = {};
  for await (const entry of reader.eachEntry() as AsyncIterable<Entry>)
    found[entry.fileName] = await text(await reader.openReadStreamPromise(entry));
  return found;
}

test('copyZipWith() keeps the entries and puts the new one in the place of its namesake', async () => {
  const source = await zip({ 'logs/MCC_log.txt': 'x'.repeat(200_000), 'check.json': 'old', empty: '' });
  const target = join(directory, 'out.zip');
  await copyZipWith({ path: 'check.json', content: Buffer.from('{}') }, source, target);
  expect(await unzip(target)).toEqual({ 'logs/MCC_log.txt': 'x'.repeat(200_000), empty: '', 'check.json': '{}' });
});

test('copyZipWith() refuses what is no zip', async () => {
  const source = join(directory, 'no.zip');
  await writeFile(source, 'this is no archive');
  await expect(
    copyZipWith({ path: 'a', content: Buffer.from('') }, source, join(directory, 'o.zip')),
  ).rejects.toThrow();
});

test('bundleName() carries the time', () => {
  expect(bundleName(Date.UTC(2026, 10, 22, 7, 8, 9))).toBe('support_bundle_2026_11_22_07_08_09_UTC.zip');
});

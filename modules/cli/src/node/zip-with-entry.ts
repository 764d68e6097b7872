// Copies a zip and puts one file more into it. Entries are moved one after the other, so that a bundle of any size needs little memory.

import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yauzl, { type Entry, type ZipFile as ZipReader } from 'yauzl';
import { ZipFile } from 'yazl';

/** An archive with more entries is refused: no honest bundle has them. */
const ENTRIES_MAX = 10_000;

export interface AddedFile {
  path: string;
  content: Buffer;
}

/** Reads the zip at `source`, writes it with `added` to `target` (a path or a stream). An entry of the same path is replaced. */
export async function copyZipWith(added: AddedFile, source: string, target: string | Writable): Promise<void> {
  const reader = await yauzl.openPromise(source, { lazyEntries: true });
  const output = new ZipFile();
  const written = pipeline(
    output.outputStream,
    typeof target === 'string' ? createWriteStream(target, { mode: 0o600 }) : target,
    { end: typeof target === 'string' },
  );
  // A failure of the copy below is the first to be told.
  written.catch(() => undefined);
  await copyEntries(reader, output, added.path);
  output.addBuffer(added.content, added.path);
  output.end();
  await written;
}

async function copyEntries(reader: ZipReader, output: ZipFile, except: string): Promise<void> {
  if (reader.entryCount > ENTRIES_MAX)
    throw new RangeError(`the archive has ${reader.entryCount} entries, at most ${ENTRIES_MAX} are read`);
  for await (const entry of reader.eachEntry() as AsyncIterable<Entry>) {
    if (entry.fileName === except) continue;
    const options = { mtime: entry.getLastModDate(), mode: 0o100600 };
    if (entry.fileName.endsWith('/')) {
      output.addEmptyDirectory(entry.fileName, options);
      continue;
    }
    const content = await reader.openReadStreamPromise(entry);
    output.addReadStream(content, entry.fileName, options);
    await new Promise<void>((resolve, reject) => content.once('end', resolve).once('error', reject));
  }
}

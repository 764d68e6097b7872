// Files that are either the old content or the new one, never half of each, also after a power cut.

import { randomUUID } from 'node:crypto';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeError } from './edge-error.ts';

export interface WriteOptions {
  /** Rights of the file; default 0o600. */
  mode?: number;
}

const FILE_MODE_DEFAULT = 0o600;

/** Writes beside the file, syncs, renames, syncs the directory. When it resolves, the content is on disk. */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const mode = options.mode ?? FILE_MODE_DEFAULT;
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      // The umask may have taken bits off the wanted mode.
      await file.chmod(mode);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** A rename is on disk only once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** writeFileAtomic() of indented JSON with a closing line feed. */
export function writeJsonFile(path: string, value: unknown, options: WriteOptions = {}): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`, options);
}

/** The parsed content; undefined when there is no file; throws KIT_JSON_FILE_INVALID when it is no JSON. */
export async function readJsonFile<T = unknown>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch {
    // The parser's own message quotes the text, which may hold keys.
    throw new EdgeError('KIT_JSON_FILE_INVALID', `Cannot read ${path}: ${text.length} characters that are no JSON`, {
      details: { path },
      source: 'config',
    });
  }
}

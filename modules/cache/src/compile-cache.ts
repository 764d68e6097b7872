// Keeps compiled sources between starts: reading and stripping them is two thirds of the time from a kill to the first answer.
// The folder must be ours alone, because what lies in it is run. NODE_COMPILE_CACHE, where set, keeps main.ts itself, too.

import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache, flushCompileCache, getCompileCacheDir } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOREIGN_ACCESS = 0o077;
/** After the start is over and before anybody kills us, usually. */
const SAVE_AFTER_MS = 3000;

/** A folder of this user that nobody else can read or write; made when it is missing, undefined when it is somebody else's. */
export function privateFolder(path: string, uid: number = process.getuid?.() ?? -1): string | undefined {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // Not stat: a link could lead into somebody else's folder.
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === uid && (found.mode & FOREIGN_ACCESS) === 0 ? path : undefined;
  } catch {
    return undefined;
  }
}

/** To be called before anything else is imported; modules imported before are not kept. Does nothing where there is no safe folder. @returns what worker threads find as NODE_COMPILE_CACHE in their environment, undefined for none */
export function useCompileCache(
  path = join(tmpdir(), `wayside-cache-compiled-${process.getuid?.() ?? 'x'}`),
): string | undefined {
  const isSet = getCompileCacheDir() !== undefined;
  const folder = isSet ? undefined : privateFolder(path);
  if (!isSet && folder === undefined) return undefined;
  if (folder !== undefined) enableCompileCache(folder);
  // Node writes it at an orderly exit only.
  setTimeout(flushCompileCache, SAVE_AFTER_MS).unref();
  return folder;
}

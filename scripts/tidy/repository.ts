// Reads the repository once for the tidy tests: every text file that is ours, with its path from the root.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface SourceFile {
  /** From the root, with forward slashes. */
  path: string;
  text: string;
}

export const ROOT = join(import.meta.dirname, '..', '..');
const SKIPPED_FOLDERS: readonly string[] = ['node_modules', '.git', '.wayside', 'coverage', 'artifacts'];
const TEXT_FILE = /\.(ts|mts|mjs|js|json|md|sh|toml|ya?ml|css|html|service)$|(^|\/)(Dockerfile|run|LICENSE|wayside)$/;

/** Every text file under a folder of the root. */
export function readSources(folder = '.'): SourceFile[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = relative(ROOT, join(ROOT, folder, entry.name)).replaceAll('\\', '/');
    if (entry.isDirectory()) return SKIPPED_FOLDERS.includes(entry.name) ? [] : readSources(path);
    return entry.isFile() && TEXT_FILE.test(path) ? [{ path, text: readFileSync(join(ROOT, path), 'utf8') }] : [];
  });
}

// What a folder must carry to be a drive of ours: a marker with the layout's version and the drive's own id. Older layouts are brought
// up step by step; a newer one, or somebody else's, is refused before anything is written.

import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EdgeError } from '@wayside/kit';

export const MARKER_FILE = 'wayside-drive.json';
const FORMAT = 'wayside-cache';
/**
 * Version 2: the marker has an id; totals, eviction state and small objects' chunks lie in the index.
 * Version 3: bodies of small objects lie in slab files.
 */
export const LAYOUT_VERSION = 3;

export interface DriveMarker {
  version: number;
  /** Tells one disk from another on the same path; null before version 2. */
  id: string | null;
}

/** Brings the files of a drive from layout n + 1 to n + 2, n being the place in the list. The index has its own steps. */
const STEPS: readonly ((path: string) => void)[] = [
  // 1 -> 2: only the marker and the index differ.
  () => {},
  // 2 -> 3: new objects only; those of before keep their files.
  () => {},
];

/**
 * The marker of a folder; undefined for a folder without one, or with one that a power cut left empty.
 * Throws CACHE_DRIVE_FOREIGN for a newer layout or another program's file.
 */
export function readMarker(path: string): DriveMarker | undefined {
  const file = join(path, MARKER_FILE);
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  let found: { format?: unknown; version?: unknown; id?: unknown } | null;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { format, version, id } = found ?? {};
  if (format !== FORMAT || typeof version !== 'number') {
    throw new EdgeError(
      'CACHE_DRIVE_FOREIGN',
      `Cannot use drive ${path}: ${MARKER_FILE} is of "${format}", wanted "${FORMAT}"`,
    );
  }
  if (version > LAYOUT_VERSION) {
    throw new EdgeError(
      'CACHE_DRIVE_FOREIGN',
      `Cannot use drive ${path}: its layout has version ${version}, wanted at most ${LAYOUT_VERSION}`,
      { details: { path, version, versionMax: LAYOUT_VERSION } },
    );
  }
  return { version, id: typeof id === 'string' ? id : null };
}

/** Runs the steps that are missing and writes the marker of the present version; its id stays what it was. */
export function writeMarker(path: string, found: DriveMarker | undefined): DriveMarker {
  if (found?.version === LAYOUT_VERSION && found.id !== null) return found;
  for (let version = found?.version ?? LAYOUT_VERSION; version < LAYOUT_VERSION; version += 1)
    STEPS[version - 1]?.(path);
  const marker = { format: FORMAT, version: LAYOUT_VERSION, id: found?.id ?? randomUUID() };
  const file = join(path, MARKER_FILE);
  const temporary = `${file}.tmp`;
  const fd = openSync(temporary, 'w');
  try {
    writeSync(fd, JSON.stringify(marker));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
  return marker;
}

// Writes a backup: the database as of one moment, and the files of the state folder, CA and master key among them, under a passphrase.

import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { EdgeError } from '@wayside/kit';
import { pack } from 'tar-stream';
import { copyDatabase } from '../store/snapshot.ts';
import { newHeader, seal } from './sealed-stream.ts';

const DATABASE = 'cloud.db';
export const MASTER_KEY = 'master-key';
const FILE_MODE = 0o600;
/** The database goes by its own way; what begins with a dot is work in progress. */
const LEFT_OUT = /^(cloud\.db(-wal|-shm|-journal)?|\..*|.*\.tmp)$/;
const FILES_MAX = 1_000;

export interface BackupParts {
  stateDir: string;
  masterKeyPath: string;
  passphrase: string;
  version: string;
  nowMs: number;
  /** scrypt's N; the default is meant for files that leave the house. */
  cost?: number;
}

export interface WrittenBackup {
  files: string[];
  hasDatabase: boolean;
  bytes: number;
}

/** CLOUD_BACKUP_FAILED when the file is there already. `path` is complete or not there. */
export async function writeBackup(path: string, parts: BackupParts): Promise<WrittenBackup> {
  if (await exists(path)) throw failed(path, 'it is there already');
  const work = join(parts.stateDir, `.backup-${randomUUID()}`);
  const unfinished = `${path}.${randomUUID()}.tmp`;
  await mkdir(work, { mode: 0o700 });
  try {
    const copy = join(work, DATABASE);
    const hasDatabase = await copyDatabase(join(parts.stateDir, DATABASE), copy);
    const files = new Map(
      (await listFiles(parts.stateDir, parts.stateDir, path)).map((file) => [file, join(parts.stateDir, file)]),
    );
    files.set(MASTER_KEY, parts.masterKeyPath);
    if (hasDatabase) files.set(DATABASE, copy);
    const header = newHeader(
      { createdAtUtc: new Date(parts.nowMs).toISOString(), version: parts.version, hasDatabase },
      parts.cost,
    );
    const archive = createGzip();
    const packing = pipeline(tarOf(files), archive);
    const output = createWriteStream(unfinished, { flags: 'wx', mode: FILE_MODE, flush: true });
    await Promise.all([packing, pipeline(seal(archive, header, parts.passphrase), output)]);
    await rename(unfinished, path);
    return { files: [...files.keys()].sort(), hasDatabase, bytes: (await stat(path)).size };
  } finally {
    await rm(work, { recursive: true, force: true });
    await unlink(unfinished).catch(() => undefined);
  }
}

function tarOf(files: ReadonlyMap<string, string>) {
  const archive = pack();
  const add = async () => {
    for (const [name, path] of files) {
      const { size } = await stat(path);
      // A file that grows meanwhile is taken up to the size that stands in its entry.
      const entry = archive.entry({ name, size, mode: FILE_MODE });
      await pipeline(createReadStream(path, size === 0 ? {} : { end: size - 1 }), entry);
    }
    archive.finalize();
  };
  add().catch((error: Error) => archive.destroy(error));
  return archive;
}

async function listFiles(root: string, folder: string, except: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (LEFT_OUT.test(entry.name) || path === except) continue;
    if (entry.isDirectory()) files.push(...(await listFiles(root, path, except)));
    else if (entry.isFile()) files.push(relative(root, path));
    if (files.length > FILES_MAX) throw failed(root, `it holds more than ${FILES_MAX} files: is it the state folder?`);
  }
  return files;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

function failed(path: string, why: string): EdgeError {
  return new EdgeError('CLOUD_BACKUP_FAILED', `Cannot write the backup ${path}: ${why}`, {
    source: 'config',
    retry: 'never',
  });
}

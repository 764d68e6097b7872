// Puts a backup in place of a state folder: read to its end and proved first, then moved in; what was there is kept aside.

import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { EdgeError, writeFileAtomic } from '@wayside/kit';
import { extract } from 'tar-stream';
import { databaseFault } from '../store/snapshot.ts';
import { type BackupHeader, broken, open } from './sealed-stream.ts';
import { MASTER_KEY } from './write-backup.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const NAME = /^[A-Za-z0-9_@-][A-Za-z0-9._@-]*(\/[A-Za-z0-9_@-][A-Za-z0-9._@-]*){0,4}$/;
const FILES_MAX = 1_000;

export interface RestoreParts {
  stateDir: string;
  masterKeyPath: string;
  passphrase: string;
  /** Replace what is there; it is kept in a folder beside. */
  force: boolean;
  nowMs: number;
}

export interface Restored {
  header: BackupHeader;
  files: string[];
  /** Folder with what was there before; undefined when nothing was. */
  keptIn: string | undefined;
}

/** CLOUD_BACKUP_FAILED; then nothing was changed. The cloud must not run. */
export async function restoreBackup(path: string, parts: RestoreParts): Promise<Restored> {
  const { stateDir } = parts;
  await mkdir(stateDir, { recursive: true, mode: DIRECTORY_MODE });
  const before = (await readdir(stateDir)).filter((name) => !name.startsWith('.'));
  const keyBefore = dirname(parts.masterKeyPath) === stateDir ? [] : await there(parts.masterKeyPath);
  if (!parts.force && before.length + keyBefore.length > 0) {
    throw refused(
      `${stateDir} is not empty (${[...before, ...keyBefore].slice(0, 5).join(', ')}), use --force to replace it`,
    );
  }
  const work = join(stateDir, `.restore-${randomUUID()}`);
  await mkdir(work, { mode: DIRECTORY_MODE });
  try {
    const { header, files } = await unpack(path, work, parts.passphrase);
    const fault = header.hasDatabase ? databaseFault(join(work, 'cloud.db')) : undefined;
    if (fault) throw broken(`its database is damaged: ${fault}`);
    if (!files.includes(MASTER_KEY)) throw broken('it holds no master key');
    const keptIn =
      before.length + keyBefore.length === 0 ? undefined : join(stateDir, `.replaced-${stamp(parts.nowMs)}`);
    if (keptIn) await keepAside(stateDir, before, keptIn, keyBefore);
    for (const name of await readdir(work)) {
      if (name !== MASTER_KEY) await rename(join(work, name), join(stateDir, name));
      // It may lie on another file system.
      else await writeFileAtomic(parts.masterKeyPath, await readFile(join(work, name)), { mode: FILE_MODE });
    }
    return { header, files, keptIn };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function unpack(
  path: string,
  into: string,
  passphrase: string,
): Promise<{ header: BackupHeader; files: string[] }> {
  const files: string[] = [];
  let header: BackupHeader | undefined;
  const plain = Readable.from(
    open(createReadStream(path), passphrase, (read) => {
      header = read;
    }),
  );
  const archive = extract();
  const reading = pipeline(plain, createGunzip(), archive);
  const writing = (async () => {
    for await (const entry of archive) {
      const { name, type } = entry.header;
      if (!NAME.test(name) || (type !== undefined && type !== null && type !== 'file'))
        throw broken('it holds an entry that is no file of a cloud');
      if (files.length >= FILES_MAX) throw broken(`it holds more than ${FILES_MAX} files`);
      const target = join(into, name);
      await mkdir(dirname(target), { recursive: true, mode: DIRECTORY_MODE });
      await pipeline(entry, createWriteStream(target, { flags: 'wx', mode: FILE_MODE, flush: true }));
      files.push(name);
    }
  })();
  const [read, written] = await Promise.allSettled([reading, writing]);
  const failure = [read, written].find((result) => result.status === 'rejected' && result.reason instanceof EdgeError);
  if (failure?.status === 'rejected') throw failure.reason;
  if (read.status === 'rejected' || written.status === 'rejected' || !header) {
    const reason =
      read.status === 'rejected' ? read.reason : written.status === 'rejected' ? written.reason : undefined;
    throw broken(reason instanceof Error ? reason.message : 'it is damaged');
  }
  return { header, files: files.sort() };
}

async function keepAside(
  stateDir: string,
  names: readonly string[],
  keptIn: string,
  keys: readonly string[],
): Promise<void> {
  await mkdir(keptIn, { mode: DIRECTORY_MODE });
  for (const name of names) await rename(join(stateDir, name), join(keptIn, name));
  for (const key of keys) await rename(key, `${key}.replaced`);
}

async function there(path: string): Promise<string[]> {
  return (await stat(path).catch(() => undefined)) ? [path] : [];
}

function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[:.]/g, '-');
}

function refused(why: string): EdgeError {
  return new EdgeError('CLOUD_BACKUP_FAILED', `Cannot restore: ${why}`, { source: 'config', retry: 'never' });
}

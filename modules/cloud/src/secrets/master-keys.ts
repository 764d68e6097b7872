// The keys that secrets in the store are sealed with: a file for its owner only, beside the store or where a setting says.
//
// INVARIANTS
// - The file is made once, whichever of several replicas over one folder is first.
// - A retired key stays until nothing is sealed with it any more; a running cloud learns of a new key when it meets it.

import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, link, mkdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeError, writeJsonFile } from '@wayside/kit';

const KEY_BYTES = 32;
const ID_BYTES = 4;
const FILE_MODE = 0o600;
const KEYS_MAX = 10;

interface KeyFile {
  schemaVersion: '1.0';
  /** Id of the key that new secrets are sealed with. */
  current: string;
  /** Id -> base64 of 32 bytes. */
  keys: { [id: string]: string };
}

export interface MasterKey {
  id: string;
  key: Buffer;
}

export class MasterKeys {
  private readonly path: string;
  private file: KeyFile;

  /** CLOUD_MASTER_KEY_FAILED when the file is missing or cannot be used. */
  constructor(path: string) {
    this.path = path;
    this.file = readKeyFile(path);
  }

  get current(): MasterKey {
    return { id: this.file.current, key: decode(this.file.keys[this.file.current] ?? '') };
  }

  /** undefined: neither known nor in the file. */
  byId(id: string): Buffer | undefined {
    // Another process rotated: its file holds the new key and the old.
    if (!Object.hasOwn(this.file.keys, id)) this.file = readKeyFile(this.path);
    const text = Object.hasOwn(this.file.keys, id) ? this.file.keys[id] : undefined;
    return text === undefined ? undefined : decode(text);
  }

  get retiredIds(): string[] {
    return Object.keys(this.file.keys).filter((id) => id !== this.file.current);
  }

  /** A new current key; the one before is kept as retired. */
  async rotate(): Promise<void> {
    const before = readKeyFile(this.path);
    if (Object.keys(before.keys).length >= KEYS_MAX) {
      throw failed(this.path, `it holds ${KEYS_MAX} keys: start the cloud once, it drops those that are not needed`);
    }
    const made = newKeyFile();
    await this.write({ ...made, keys: { ...before.keys, ...made.keys } });
  }

  /** The caller has made sure that nothing is sealed with them. */
  async dropRetired(): Promise<void> {
    const { current, keys } = readKeyFile(this.path);
    await this.write({ schemaVersion: '1.0', current, keys: { [current]: keys[current] ?? '' } });
  }

  private async write(file: KeyFile): Promise<void> {
    await writeJsonFile(this.path, file, { mode: FILE_MODE });
    this.file = readKeyFile(this.path);
  }
}

/** Opens the key file; with `mayMake` it is made where there is none. */
export async function openMasterKeys(path: string, mayMake: boolean): Promise<MasterKeys> {
  if (mayMake && !existsSync(path)) {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}.tmp`;
    await writeJsonFile(temporary, newKeyFile(), { mode: FILE_MODE });
    // link() refuses a name that is taken: the first replica's key is everybody's.
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw failed(path, error.message);
    });
    await unlink(temporary);
    await chmod(path, FILE_MODE);
  }
  return new MasterKeys(path);
}

function newKeyFile(): KeyFile {
  const id = randomBytes(ID_BYTES).toString('hex');
  return { schemaVersion: '1.0', current: id, keys: { [id]: randomBytes(KEY_BYTES).toString('base64') } };
}

function readKeyFile(path: string): KeyFile {
  let file: KeyFile;
  try {
    file = JSON.parse(readFileSync(path, 'utf8')) as KeyFile;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw failed(path, code === undefined ? 'it is no JSON' : `it cannot be read (${code})`);
  }
  const keys = Object.entries(file?.keys ?? {});
  const isSound = keys.every(([id, key]) => /^[0-9a-f]+$/.test(id) && decode(String(key)).length === KEY_BYTES);
  if (!isSound || !keys.some(([id]) => id === file.current)) throw failed(path, 'it holds no current key of 32 bytes');
  return file;
}

function decode(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

function failed(path: string, why: string): EdgeError {
  return new EdgeError('CLOUD_MASTER_KEY_FAILED', `Cannot use the master key file ${path}: ${why}`, {
    source: 'config',
    retry: 'never',
  });
}

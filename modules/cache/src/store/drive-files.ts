// The files of one cache drive: where they lie, whether the folder can be used, what its index takes, and which files nobody knows.

import { constants, existsSync, mkdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { access, readdir, stat, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TOO_SMALL } from './drive-issue.ts';

/** Objects are spread over this many folders. */
const FOLDERS = 256;
/** Kept free for the index's log and the file system's own blocks. */
const INDEX_ALLOWANCE_BYTES = 1024 * 1024;
const FORMAT_FILE = 'wayside-drive.json';
const FORMAT = { format: 'wayside-cache', version: 1 };

export interface Sweep {
  /** Only files last written before this moment are looked at. */
  writtenBeforeMs: number;
  /** true ends the sweep where it is. */
  isOver(): boolean;
  isKnown(id: number): boolean;
}

export class DriveFiles {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get indexPath(): string {
    return join(this.#path, 'index.db');
  }

  objectPath(id: number): string {
    return join(this.#folder(id % FOLDERS), id.toString(16));
  }

  #folder(number: number): string {
    return join(this.#path, 'objects', number.toString(16).padStart(2, '0'));
  }

  /** Checks the folder and marks it as a drive of this format. Throws what driveIssueOf() reads. */
  prepare(capBytes: number): void {
    this.#checkUsable(capBytes);
    mkdirSync(join(this.#path, 'objects'), { recursive: true });
    writeFileSync(join(this.#path, FORMAT_FILE), JSON.stringify(FORMAT));
  }

  #checkUsable(capBytes: number): void {
    if (!existsSync(this.#path)) throw Object.assign(new Error(`${this.#path} does not exist`), { code: 'ENOENT' });
    const marker = join(this.#path, FORMAT_FILE);
    if (existsSync(marker)) {
      const found = JSON.parse(readFileSync(marker, 'utf8')) as Partial<typeof FORMAT>;
      if (found.version !== FORMAT.version)
        throw new Error(`store version is ${found.version}, wanted ${FORMAT.version}`);
    }
    const { bsize, blocks } = statfsSync(this.#path);
    if (bsize * blocks < capBytes) {
      const error = new Error(`the file system has ${bsize * blocks} bytes, wanted at least ${capBytes}`);
      throw Object.assign(error, { code: TOO_SMALL });
    }
  }

  /** Throws when the drive is not there, not the same one or not writable. */
  async probe(): Promise<void> {
    await stat(join(this.#path, FORMAT_FILE));
    await stat(this.indexPath);
    await access(this.#path, constants.W_OK);
    await statfs(this.#path);
  }

  /** What the index takes now, with its allowance; at most half of the cap. */
  indexBytes(capBytes: number): number {
    let bytes = INDEX_ALLOWANCE_BYTES;
    for (const file of [this.indexPath, `${this.indexPath}-wal`]) {
      if (existsSync(file)) bytes += statSync(file).size;
    }
    return Math.min(bytes, capBytes / 2);
  }

  /** Deletes object files that are not known; answers how many. */
  async sweep({ writtenBeforeMs, isOver, isKnown }: Sweep): Promise<number> {
    let swept = 0;
    for (let number = 0; number < FOLDERS; number += 1) {
      const folder = this.#folder(number);
      for (const file of await readdir(folder).catch(() => [])) {
        if (isOver()) return swept;
        const id = Number.parseInt(file, 16);
        if (isKnown(id)) continue;
        const path = join(folder, file);
        const found = await stat(path).catch(() => undefined);
        // An object may have come with this id while the file was looked at.
        if (found === undefined || found.mtimeMs >= writtenBeforeMs || isKnown(id)) continue;
        await unlink(path).catch(() => {});
        swept += 1;
      }
    }
    return swept;
  }
}

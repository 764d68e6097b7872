// The files of one cache drive: where they lie, whether the folder can be used, what lies beside the objects, and which files nobody knows.

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NOT_MOUNTED, TOO_SMALL } from './drive-issue.ts';
import { type DriveMarker, readMarker, writeMarker } from './drive-layout.ts';

/** Objects are spread over this many folders. */
const FOLDERS = 256;
/** A folder's own block and an object's entry in it, as ext4 and XFS take them. */
const FOLDER_BYTES = 4096;
const ENTRY_BYTES = 40;
const INDEX_FILE = 'index.db';
const PROBE_FILE = 'wayside-probe';
const PROBE_BYTES = 4096;
/** Files looked at before a sweep lets others run. */
const SWEEP_FILES_PER_TURN = 100;

export interface Sweep {
  /** Only files last written before this moment are looked at. */
  writtenBeforeMs: number;
  /** true ends the sweep where it is. */
  isOver(): boolean;
  isKnown(id: number): boolean;
}

/** What tells that a drive is still the one that was started. */
interface Identity {
  device: number;
  indexInode: number;
}

export class DriveFiles {
  readonly #path: string;
  #identity: Identity | null = null;
  /** Another file system than the folder above: what is written here is not meant for that one. */
  #wasMountPoint = false;

  constructor(path: string) {
    this.#path = path;
  }

  get indexPath(): string {
    return join(this.#path, INDEX_FILE);
  }

  objectPath(id: number): string {
    return join(this.#folder(id % FOLDERS), id.toString(16));
  }

  #folder(number: number): string {
    return join(this.#path, 'objects', number.toString(16).padStart(2, '0'));
  }

  /** Checks the folder before anything is written to it. Throws what driveIssueOf() reads. */
  check(capBytes: number): DriveMarker | undefined {
    if (!existsSync(this.#path)) throw Object.assign(new Error(`${this.#path} does not exist`), { code: 'ENOENT' });
    const marker = readMarker(this.#path);
    const isMountPoint = this.#isMountPoint();
    if (this.#wasMountPoint && !isMountPoint) {
      throw Object.assign(new Error(`nothing is mounted on ${this.#path} any more`), { code: NOT_MOUNTED });
    }
    this.#wasMountPoint = isMountPoint;
    const { bsize, blocks } = statfsSync(this.#path);
    if (bsize * blocks < capBytes) {
      const error = new Error(`the file system has ${bsize * blocks} bytes, wanted at least ${capBytes}`);
      throw Object.assign(error, { code: TOO_SMALL });
    }
    accessSync(this.#path, constants.W_OK);
    mkdirSync(join(this.#path, 'objects'), { recursive: true });
    return marker;
  }

  #isMountPoint(): boolean {
    const path = resolve(this.#path);
    return statSync(path).dev !== statSync(dirname(path)).dev;
  }

  /** After the index was opened, and so brought to its newest version: marks the drive, and remembers which one it is. */
  settle(marker: DriveMarker | undefined): void {
    writeMarker(this.#path, marker);
    this.#identity = { device: statSync(this.#path).dev, indexInode: statSync(this.indexPath).ino };
  }

  /** Throws when the folder is not there. */
  async probeReachable(): Promise<void> {
    await stat(this.#path);
  }

  /** Throws when the drive is not there, not the one that was started, or cannot be written; a full one passes. */
  async probe(): Promise<void> {
    if (this.#identity !== null) {
      const [folder, index] = await Promise.all([stat(this.#path), stat(this.indexPath)]);
      if (folder.dev !== this.#identity.device || index.ino !== this.#identity.indexInode) {
        throw Object.assign(new Error(`another disk lies on ${this.#path} now`), { code: 'ENODEV' });
      }
    }
    await this.probeWriting(false);
  }

  /** @param isThorough the bytes must have reached the device */
  async probeWriting(isThorough: boolean): Promise<void> {
    const file = await open(join(this.#path, PROBE_FILE), 'w');
    try {
      await file.write(Buffer.alloc(PROBE_BYTES, 'w'));
      if (isThorough) await file.sync();
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    } finally {
      await file.close();
    }
  }

  /** Bytes the file system can still give to us, and its unit. */
  free(): { freeBytes: number; blockBytes: number } {
    const { bavail, bsize } = statfsSync(this.#path);
    return { freeBytes: bavail * bsize, blockBytes: bsize };
  }

  /** What lies on the drive besides objects: the index with its log, saved settings, bodies under way, folders and their entries. */
  overheadBytes(objects: number): number {
    let bytes = FOLDERS * FOLDER_BYTES + objects * ENTRY_BYTES;
    for (const entry of readdirSync(this.#path, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const found = statSync(join(this.#path, entry.name), { throwIfNoEntry: false });
      // Blocks lag behind the size while the kernel holds back what was written.
      if (found !== undefined) bytes += Math.max(found.blocks * 512, found.size);
    }
    return bytes;
  }

  /** Puts a damaged index aside; one that lies there from before goes. */
  quarantineIndex(): string {
    const aside = `${this.indexPath}.corrupt`;
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(aside + suffix, { force: true });
      if (existsSync(this.indexPath + suffix)) renameSync(this.indexPath + suffix, aside + suffix);
    }
    return aside;
  }

  /** Bytes of an object's file as the file system counts them, undefined when there is none. */
  objectBytes(id: number): number | undefined {
    const found = statSync(this.objectPath(id), { throwIfNoEntry: false });
    return found === undefined ? undefined : found.blocks * 512;
  }

  /** Deletes object files that are not known; answers how many. Reads folders, never a file. */
  async sweep({ writtenBeforeMs, isOver, isKnown }: Sweep): Promise<number> {
    let swept = 0;
    let looked = 0;
    for (let number = 0; number < FOLDERS; number += 1) {
      const folder = this.#folder(number);
      for (const file of await readdir(folder).catch(() => [])) {
        if (isOver()) return swept;
        looked += 1;
        if (looked % SWEEP_FILES_PER_TURN === 0) await new Promise(setImmediate);
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

// One object's file, opened to be looked at beside its use: read a part, ask its size, close.

import { close, fstat, open, read } from 'node:fs';
import { promisify } from 'node:util';

const openFd = promisify(open) as (path: string, flags: string) => Promise<number>;
const closeFd = promisify(close);
const statFd = promisify(fstat);

export class StoredFile {
  readonly fd: number;

  /** Offset of the stored bytes in the file. */
  readonly base: number;

  private constructor(fd: number, base: number) {
    this.fd = fd;
    this.base = base;
  }

  /** Rejects with the system's error. */
  static async open(path: string, base = 0): Promise<StoredFile> {
    return new StoredFile(await openFd(path, 'r'), base);
  }

  read(buffer: Buffer, length: number, position: number): Promise<number> {
    return readFully(this.fd, buffer, length, this.base + position);
  }

  /** Bytes as the file system counts them. */
  async size(): Promise<{ bytes: number; writtenAtMs: number }> {
    const { blocks, mtimeMs } = await statFd(this.fd);
    return { bytes: blocks * 512, writtenAtMs: mtimeMs };
  }

  close(): Promise<void> {
    return closeFd(this.fd);
  }
}

/** Reads until `length` bytes are there or the file ends; answers how many came. */
export async function readFully(fd: number, buffer: Buffer, length: number, position: number): Promise<number> {
  let done = 0;
  while (done < length) {
    const bytes = await new Promise<number>((resolve, reject) => {
      read(fd, buffer, done, length - done, position + done, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
    if (bytes === 0) break;
    done += bytes;
  }
  return done;
}

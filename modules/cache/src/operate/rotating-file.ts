// A file of lines that is renamed away when it is full. Lines wait in memory only as long as one write takes, up to a limit.

import { appendFile, rename, stat } from 'node:fs/promises';

/** Lines waiting for the write under way, characters; above that they are dropped and counted. */
const WAITING_CHARACTERS_MAX = 8 * 1024 * 1024;
/** Lines are written together. */
const WRITE_INTERVAL_MS = 500;

export class RotatingFile {
  readonly #path: string;
  readonly #sizeBytesMax: number;
  readonly #filesKept: number;
  readonly #onError: (error: unknown) => void;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  #sizeBytes: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  written = 0;
  dropped = 0;

  /** @param filesKept older files `path.1` (newest) to `path.N` */
  constructor(path: string, sizeBytesMax: number, filesKept: number, onError: (error: unknown) => void) {
    this.#path = path;
    this.#sizeBytesMax = sizeBytesMax;
    this.#filesKept = filesKept;
    this.#onError = onError;
  }

  write(line: string): void {
    if (this.#waitingCharacters + line.length > WAITING_CHARACTERS_MAX) {
      this.dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingCharacters += line.length;
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_INTERVAL_MS);
  }

  /** Resolves when everything written up to now is in the file or given up. */
  flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = this.#writing.then(() => this.#writeWaiting());
    return this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    const lines = this.#waiting;
    if (lines.length === 0) return;
    this.#waiting = [];
    this.#waitingCharacters = 0;
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    try {
      this.#sizeBytes ??= await stat(this.#path).then(
        ({ size }) => size,
        () => 0,
      );
      if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#sizeBytesMax) await this.#rotate();
      await appendFile(this.#path, bytes, { mode: 0o640 });
      this.#sizeBytes += bytes.length;
      this.written += lines.length;
    } catch (error) {
      this.dropped += lines.length;
      this.#sizeBytes = null;
      this.#onError(error);
    }
  }

  async #rotate(): Promise<void> {
    for (let number = this.#filesKept; number >= 1; number -= 1) {
      const from = number === 1 ? this.#path : `${this.#path}.${number - 1}`;
      await rename(from, `${this.#path}.${number}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
    this.#sizeBytes = 0;
  }
}

// Where lines of the access log go: standard output, or a file that is renamed away when it is full.

import { describeError, type Logger } from '@wayside/kit';
import type { CacheConfig } from '../config.ts';
import { RotatingFile } from './rotating-file.ts';

const MB = 1e6;
/** A file that cannot be written is told of this often at most. */
const COMPLAINT_INTERVAL_MS = 60_000;

export class AccessLines {
  readonly write: (line: string) => void;
  readonly #file: RotatingFile | null = null;
  #written = 0;
  #complainedAtMs = Number.NEGATIVE_INFINITY;

  /** @param writeLine instead of standard output */
  constructor(config: CacheConfig, logger: Logger, writeLine?: (line: string) => void) {
    const { accessLogFile, accessLogFileMb, accessLogFilesKept } = config;
    if (accessLogFile === null) {
      const out = writeLine ?? ((line: string) => process.stdout.write(`${line}\n`));
      this.write = (line) => {
        this.#written += 1;
        out(line);
      };
      return;
    }
    const file = new RotatingFile(accessLogFile, accessLogFileMb * MB, accessLogFilesKept, (error) => {
      if (performance.now() - this.#complainedAtMs < COMPLAINT_INTERVAL_MS) return;
      this.#complainedAtMs = performance.now();
      const fields = { code: 'CACHE_ACCESS_LOG_FAILED', path: accessLogFile, reason: describeError(error) };
      logger.error('Access log cannot be written', fields);
    });
    this.#file = file;
    this.write = (line) => file.write(line);
  }

  get figures(): { written: number; dropped: number } {
    return { written: this.#file?.written ?? this.#written, dropped: this.#file?.dropped ?? 0 };
  }

  async stop(): Promise<void> {
    await this.#file?.flush();
  }
}

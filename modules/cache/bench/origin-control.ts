// The origin's process and its control from the benchmarks.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OriginFigures } from './origin.ts';
import { ServerProcess } from './processes.ts';

const PROGRAM = join(import.meta.dirname, 'origin.ts');
export const THROTTLED_MB_PER_SEC = 50;
export const UNLIMITED_MB_PER_SEC = 100_000;
const SETTLE_POLL_MS = 100;

export class Origin {
  readonly port: number;
  readonly #process: ServerProcess;

  private constructor(process: ServerProcess) {
    this.#process = process;
    this.port = process.port;
  }

  static async start(port: number, core: number | null, logFile: string): Promise<Origin> {
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM, String(port)];
    return new Origin(await ServerProcess.start(command, port, core, logFile));
  }

  figures(): Promise<OriginFigures> {
    return this.#control('stats');
  }

  async reset(): Promise<void> {
    await this.#control('reset');
  }

  async setRate(megabytesPerSec: number): Promise<void> {
    await this.#control(`rate/${megabytesPerSec}`);
  }

  /** Waits until no transfer runs, and cuts what still runs then. */
  async settle(limitMs: number): Promise<OriginFigures> {
    const endMs = Date.now() + limitMs;
    let figures = await this.figures();
    while (figures.running > 0 && Date.now() < endMs) {
      await sleep(SETTLE_POLL_MS);
      figures = await this.figures();
    }
    if (figures.running > 0) await this.#control('cut');
    return figures;
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM');
  }

  async #control(command: string): Promise<OriginFigures> {
    const response = await fetch(`http://127.0.0.1:${this.port}/-/${command}`);
    return (await response.json()) as OriginFigures;
  }
}

// A cache as a child process that can be killed at any moment, and clients that compare every byte they get with the truth.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export class KilledCache {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #isOver: Promise<unknown>;

  private constructor(child: ChildProcess, port: number, isOver: Promise<unknown>) {
    this.#child = child;
    this.port = port;
    this.#isOver = isOver;
  }

  /** @param onStored called with the key of each object once it is stored for good */
  static async start(
    drives: string,
    originUrl: string,
    onStored: (key: string) => void = () => {},
  ): Promise<KilledCache> {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'stored-child.ts')],
      {
        env: {
          PATH: process.env.PATH,
          CACHE_LISTEN: '127.0.0.1:0',
          CACHE_OPERATIONS_LISTEN: '127.0.0.1:0',
          CACHE_DRIVES: drives,
          CACHE_ORIGIN: originUrl,
          // One thread: a start costs the least.
          CACHE_THREADS: '1',
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const isOver = Promise.all([once(child, 'exit'), once(lines, 'close')]);
    const port = await new Promise<number>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the cache ended with ${code}`)));
      lines.on('line', (line) => {
        const { content, stored } = JSON.parse(line) as { content?: number; stored?: string };
        if (content !== undefined) resolve(content);
        if (stored !== undefined) onStored(stored);
      });
    });
    return new KilledCache(child, port, isOver);
  }

  /** Resolves when the process is gone and all that it said was read. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#isOver;
  }
}

export interface Draw {
  /** 0 when there was no answer. */
  status: number;
  result: string | undefined;
  body: Buffer;
  /** The body has the length that the head promised. */
  isWhole: boolean;
}

/** A GET that takes whatever comes, also half a body. */
export function draw(port: number, path: string, headers: Record<string, string> = {}): Promise<Draw> {
  return new Promise((resolve) => {
    const nothing = { status: 0, result: undefined, body: Buffer.alloc(0), isWhole: false };
    const request = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', () => {});
      response.on('close', () => {
        const { statusCode: status = 0, headers: got, complete: isWhole } = response;
        resolve({ status, result: got['x-cache'] as string | undefined, body: Buffer.concat(pieces), isWhole });
      });
    });
    request.on('error', () => resolve(nothing));
    request.end();
  });
}

/** Why an answer is wrong, undefined when it is right: right bytes from `start` on, all of them, or cut short, or a 5xx. */
export function faultOf(
  { status, body, isWhole }: Draw,
  truth: Buffer,
  start = 0,
  end = truth.length,
): string | undefined {
  if (status === 0 || status >= 500) return undefined;
  if (status !== 200 && status !== 206) return `status ${status}`;
  const [from, to] = status === 200 ? [0, truth.length] : [start, end];
  const wanted = truth.subarray(from, to);
  if (body.length > wanted.length) return `${body.length} bytes, wanted ${wanted.length}`;
  if (isWhole && body.length !== wanted.length) return `whole with ${body.length} bytes, wanted ${wanted.length}`;
  if (!body.equals(wanted.subarray(0, body.length))) return 'wrong bytes';
  return undefined;
}

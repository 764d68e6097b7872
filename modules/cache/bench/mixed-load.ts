// A mixed load for the soak: a popular few and a long tail, whole objects and ranges, new objects all the time, clients that leave, wrong requests.

import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';

export interface MixedLoadOptions {
  port: number;
  workers: number;
  /** Different objects in use at a time. */
  objects: number;
}

const SIZES = [4096, 40_000, 700_000, 3 * 1024 * 1024] as const;
const POPULAR = 20;
const REQUEST_TIMEOUT_MS = 60_000;
/** One object in this many requests is replaced by a new one, so that the drive fills and evicts. */
const RENEW_EVERY = 50;

export class MixedLoad {
  readonly #options: MixedLoadOptions;
  requests = 0;
  bytes = 0;
  failed = 0;
  wrong = 0;
  left = 0;
  #generation = 0;
  #isOver = false;
  #workers: Promise<void>[] = [];

  constructor(options: MixedLoadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#workers = Array.from({ length: this.#options.workers }, () => this.#work());
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    while (!this.#isOver) {
      this.requests += 1;
      if (this.requests % RENEW_EVERY === 0) this.#generation += 1;
      const chance = Math.random();
      if (chance < 0.02) await this.#nonsense();
      else await this.#get(chance < 0.06);
    }
  }

  #path(): { path: string; size: number } {
    const isPopular = Math.random() < 0.7;
    const number = isPopular
      ? Math.floor(Math.random() * POPULAR)
      : this.#generation + Math.floor(Math.random() * this.#options.objects);
    const size = SIZES[number % SIZES.length] as number;
    return { path: `/obj/${size}/soak-${isPopular ? 'p' : 't'}${number}`, size };
  }

  /** @param leaves the client goes in the middle */
  #get(leaves: boolean): Promise<void> {
    const { path, size } = this.#path();
    const start = Math.random() < 0.5 ? 0 : Math.floor(Math.random() * size);
    const end = Math.min(size, start + 1 + Math.floor(Math.random() * size));
    const isRange = Math.random() < 0.6;
    const [from, to] = isRange ? [start, end] : [0, size];
    return new Promise((resolve) => {
      const headers = isRange ? { Range: `bytes=${start}-${end - 1}` } : {};
      const request = httpRequest(
        { host: '127.0.0.1', port: this.#options.port, path, headers, agent: false, timeout: REQUEST_TIMEOUT_MS },
        (response) => {
          let position = from;
          response.on('data', (piece: Buffer) => {
            if (!isRight(piece, position)) this.wrong += 1;
            position += piece.length;
            this.bytes += piece.length;
            if (!leaves || position <= (from + to) / 2) return;
            this.left += 1;
            request.destroy();
          });
          response.on('close', () => {
            if (!leaves && (position !== to || (response.statusCode ?? 0) >= 300)) this.failed += 1;
            resolve();
          });
          response.on('error', () => {});
        },
      );
      request.on('timeout', () => request.destroy());
      request.on('error', () => {
        if (!leaves) this.failed += 1;
        resolve();
      });
      request.end();
    });
  }

  #nonsense(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({ port: this.#options.port, host: '127.0.0.1' }, () =>
        socket.end('GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nBad Field: 1\r\n\r\n'),
      );
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
    });
  }
}

/** The origin's words are their own index; a few places tell a shifted or foreign piece. */
function isRight(piece: Buffer, position: number): boolean {
  for (const at of [0, Math.floor(piece.length / 2), piece.length - 1]) {
    if (piece[at] !== wordByte(position + at)) return false;
  }
  return true;
}

/** Byte of an origin's object at a position (origin.ts). */
export function wordByte(position: number): number {
  return Math.floor(Math.floor(position / 8) / 256 ** (position % 8)) % 256;
}

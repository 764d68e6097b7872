// Thousands of clients that do next to nothing: idle keep-alive connections, and readers that take a few KiB a second of a large object.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SlowClientsOptions {
  port: number;
  idle: number;
  readers: number;
  /** Small object that an idle client fetched before it went idle. */
  idlePath: string;
  /** Large object that readers read; byte i of it must be what `byteAt` says. */
  readerPath: string;
  readerSizeBytes: number;
  byteAt: (position: number) => number;
  /** Clients beyond these are opened when the ones before are there. */
  openAtOnce?: number;
}

/** Above the 4000 B/s below which real clients give up (connected-cache 3.5). */
const READ_BYTES = 8 * 1024;
const READ_INTERVAL_MS = 1000;
const OPEN_AT_ONCE = 200;
/** The clients come from so many addresses of 127.0.0.0/8: a cache limits the connections of one. */
const ADDRESSES = 200;

interface Reader {
  socket: Socket;
  /** Bytes of body seen; -1 before the head is over. */
  position: number;
  head: string;
}

/** INVARIANT: a reader's socket is paused except while it takes its share of a second. */
export class SlowClients {
  readonly #options: SlowClientsOptions;
  readonly #idle = new Set<Socket>();
  readonly #readers: Reader[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** Readers that the cache cut off, which it must not. */
  lost = 0;
  /** Idle connections whose time was over; each was opened again. */
  renewed = 0;
  wrong = 0;
  #isClosing = false;
  #dialled = 0;

  constructor(options: SlowClientsOptions) {
    this.#options = options;
  }

  get open(): { idle: number; readers: number } {
    return { idle: this.#idle.size, readers: this.#readers.length };
  }

  /** Bytes of body that readers took so far. */
  get takenBytes(): number {
    return this.#readers.reduce((sum, { position }) => sum + Math.max(0, position), 0);
  }

  async start(): Promise<void> {
    const { idle, readers, openAtOnce = OPEN_AT_ONCE } = this.#options;
    for (let from = 0; from < idle; from += openAtOnce) {
      await Promise.all(Array.from({ length: Math.min(openAtOnce, idle - from) }, () => this.#openIdle()));
    }
    for (let from = 0; from < readers; from += openAtOnce) {
      await Promise.all(Array.from({ length: Math.min(openAtOnce, readers - from) }, () => this.#openReader()));
    }
    this.#timer = setInterval(() => this.#readOn(), READ_INTERVAL_MS);
  }

  async #dial(): Promise<Socket> {
    this.#dialled += 1;
    const localAddress = `127.0.1.${1 + (this.#dialled % ADDRESSES)}`;
    const socket = connect({ port: this.#options.port, host: '127.0.0.1', localAddress });
    await once(socket, 'connect');
    socket.on('error', () => {});
    return socket;
  }

  async #openIdle(): Promise<void> {
    const socket = await this.#dial();
    socket.write(`GET ${this.#options.idlePath} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    let answer = '';
    for await (const [piece] of on(socket)) {
      answer += piece.toString('latin1');
      const end = answer.indexOf('\r\n\r\n');
      const length = Number(/\r\nContent-Length: (\d+)/.exec(answer)?.[1]);
      if (end >= 0 && answer.length >= end + 4 + length) break;
    }
    socket.removeAllListeners('data');
    // A closed connection shows only on a socket that is read.
    socket.resume();
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
      if (this.#isClosing) return;
      this.renewed += 1;
      // A cache that takes no new connection either has lost a client.
      this.#openIdle().catch(() => {
        if (!this.#isClosing) this.lost += 1;
      });
    });
  }

  async #openReader(): Promise<void> {
    const socket = await this.#dial();
    const reader: Reader = { socket, position: -1, head: '' };
    socket.on('readable', () => {
      if (reader.position < 0) this.#take(reader, socket.read() as Buffer | null);
    });
    socket.write(`GET ${this.#options.readerPath} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    while (reader.position < 0) {
      if (socket.destroyed)
        throw new Error(`A slow reader got no answer: ${JSON.stringify(reader.head.slice(0, 200))}`);
      await sleep(5);
    }
    this.#readers.push(reader);
    socket.once('close', () => {
      if (!this.#isClosing) this.lost += 1;
    });
  }

  #readOn(): void {
    for (const reader of this.#readers) {
      const { socket } = reader;
      this.#take(reader, socket.read(Math.min(READ_BYTES, socket.readableLength)) as Buffer | null);
    }
  }

  #take(reader: Reader, piece: Buffer | null): void {
    if (piece === null) return;
    let bytes = piece;
    if (reader.position < 0) {
      reader.head += piece.toString('latin1');
      const end = reader.head.indexOf('\r\n\r\n');
      if (end < 0) return;
      bytes = Buffer.from(reader.head.slice(end + 4), 'latin1');
      reader.position = 0;
    }
    for (const byte of bytes) {
      if (byte !== this.#options.byteAt(reader.position)) this.wrong += 1;
      reader.position += 1;
    }
  }

  close(): void {
    this.#isClosing = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const socket of this.#idle) socket.destroy();
    for (const { socket } of this.#readers) socket.destroy();
  }
}

/** Data events as an iteration. */
async function* on(socket: Socket): AsyncGenerator<[Buffer]> {
  const waiting: Buffer[] = [];
  let wake: (() => void) | undefined;
  socket.on('data', (piece: Buffer) => {
    waiting.push(piece);
    wake?.();
  });
  for (;;) {
    const piece = waiting.shift();
    if (piece !== undefined) yield [piece];
    else if (socket.destroyed) throw new Error('The cache closed a connection that was to be idle');
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
        socket.once('close', () => resolve());
      });
  }
}

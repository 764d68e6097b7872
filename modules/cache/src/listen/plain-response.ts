// The response to one plain request. Head and a small body leave together by one system call; larger bodies follow by sendfile or the stream.

import type { Socket } from 'node:net';
import type { ResponseChannel } from './exchange.ts';

// Not imported: see content-server.ts.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

export interface PlainResponseOwner {
  readonly socket: Socket;
  /** Sends bytes now as far as the kernel takes them, the rest by the stream; `hasMore`: others follow at once. */
  send(head: string, body: Buffer | undefined, hasMore: boolean): void;
  noteProgress(): void;
  /** Value of Date for a response that brings none. */
  date(): string;
  /** The response is over; `isLast`: the connection must end with it. */
  finished(response: PlainResponse, isLast: boolean): void;
}

export class PlainResponse implements ResponseChannel {
  readonly #owner: PlainResponseOwner;
  readonly #isHead: boolean;
  #isLast: boolean;
  #isOver = false;
  /** Head that waits for the first bytes of the body; '' when sent. */
  #head = '';
  #closeListeners: (() => void)[] | null = null;
  statusCode = 200;
  headersSent = false;

  constructor(owner: PlainResponseOwner, isHead: boolean, isLast: boolean) {
    this.#owner = owner;
    this.#isHead = isHead;
    this.#isLast = isLast;
  }

  get socket(): Socket | null {
    return this.#owner.socket;
  }

  /** Over, whole or not: nothing more can be sent. */
  get destroyed(): boolean {
    return this.#isOver;
  }

  writeHead(status: number, headers: readonly string[]): void {
    if (this.headersSent) throw new Error('The head was sent already');
    this.headersSent = true;
    this.statusCode = status;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    let hasDate = false;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (name === 'Connection') {
        if (headers[i + 1] === 'close') this.#isLast = true;
        continue;
      }
      if (name === 'Date') hasDate = true;
      head += `${name}: ${headers[i + 1]}\r\n`;
    }
    if (!hasDate) head += `Date: ${this.#owner.date()}\r\n`;
    this.#head = `${head}Connection: ${this.#isLast ? 'close' : 'keep-alive'}\r\n\r\n`;
  }

  writeInformation(status: number, headers: readonly string[]): void {
    if (this.headersSent || this.#isOver) return;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.#owner.send(`${head}\r\n`, undefined, false);
  }

  /** Sends the head; the body follows at once, so the kernel may keep it back until then. */
  flushHeaders(): void {
    if (this.#head === '') return;
    const head = this.#head;
    this.#head = '';
    this.#owner.send(head, undefined, !this.#isHead);
  }

  write(bytes: Buffer, done?: (error: Error | null | undefined) => void): boolean {
    if (this.#isOver || this.#isHead) {
      done?.(this.#isOver ? new Error('client left') : null);
      return true;
    }
    this.flushHeaders();
    return this.#owner.socket.write(bytes, done);
  }

  end(bytes?: Buffer): void {
    if (this.#isOver) return;
    const head = this.#head;
    const body = this.#isHead ? undefined : bytes;
    this.#head = '';
    if (head !== '' || body !== undefined) this.#owner.send(head, body, false);
    this.finish();
  }

  /** Cuts the connection: the response cannot be completed. */
  destroy(): void {
    this.#owner.socket.destroy();
    this.finish();
  }

  once(event: 'close' | 'drain' | 'socket', listener: (socket: Socket) => void): void {
    if (event === 'drain') this.#owner.socket.once('drain', listener as () => void);
    else if (event === 'socket') listener(this.#owner.socket);
    else if (this.#closeListeners === null) this.#closeListeners = [listener as () => void];
    else this.#closeListeners.push(listener as () => void);
  }

  noteProgress(): void {
    this.#owner.noteProgress();
  }

  /** Tells everyone that the response is over; at once, not in a later turn. */
  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#head = '';
    if (this.#closeListeners !== null) for (const listener of this.#closeListeners) listener();
    this.#owner.finished(this, this.#isLast);
  }
}

// One client's connection while it sends plain requests: reads a head, lets it be answered, reads the next. At the first request that is
// not plain the connection goes over to node:http's server for good.

import type { Socket } from 'node:net';
import { native } from '../store/native.ts';
import type { RequestHead, ResponseChannel } from './exchange.ts';
import { PlainResponse, type PlainResponseOwner } from './plain-response.ts';
import { parsePlainHead, REQUEST_HEAD_BYTES_MAX } from './request-head.ts';

/** Requests sent ahead of the response (pipelining) are kept up to this; then the connection is read no further. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** Longer heads of responses go through the stream. */
const HEAD_BYTES_MAX = 64 * 1024;
/** Bodies up to this size are copied behind their head: cheaper than telling the kernel of two places. */
const COPIED_BYTES_MAX = 16 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

/** Common to all connections of the thread: filled and sent within one call. */
const outgoing = Buffer.allocUnsafeSlow(HEAD_BYTES_MAX + COPIED_BYTES_MAX);

export interface PlainConnectionOwner {
  handle(request: RequestHead, response: ResponseChannel): void;
  /** Takes the connection over; the bytes that were read are put back. */
  handOver(connection: PlainConnection): void;
  date(): string;
  onClose(connection: PlainConnection): void;
}

/**
 * INVARIANTS
 * - At most one request is being answered; what the client sends meanwhile waits.
 * - A descriptor is written to by system call only while its stream has nothing to write.
 */
export class PlainConnection implements PlainResponseOwner {
  readonly socket: Socket;
  readonly #owner: PlainConnectionOwner;
  readonly #fd: number;
  /** Bytes read and not yet used. */
  #ahead: Buffer | null = null;
  #response: PlainResponse | null = null;
  #isReading = false;
  #isEnded = false;
  /** Last progress: a head began, a response went on or was over; ms of performance.now(). */
  movedAtMs = performance.now();

  constructor(socket: Socket, owner: PlainConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.#fd = (socket as unknown as { _handle: { fd?: number } | null })._handle?.fd ?? -1;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** A request is being answered. */
  get isBusy(): boolean {
    return this.#response !== null;
  }

  /** A head has begun and is not whole. */
  get isReadingHead(): boolean {
    return this.#response === null && this.#ahead !== null;
  }

  noteProgress(): void {
    this.movedAtMs = performance.now();
  }

  date(): string {
    return this.#owner.date();
  }

  /** Ends the connection after the response under way, at once when there is none. */
  endSoon(): void {
    this.#isEnded = true;
    if (this.#response === null) this.socket.destroy();
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#ahead === null) {
      this.#ahead = bytes;
      if (this.#response === null) this.movedAtMs = performance.now();
    } else this.#ahead = Buffer.concat([this.#ahead, bytes]);
    if (this.#response === null) this.#readNext();
    else if (this.#ahead.length > AHEAD_BYTES_MAX) this.socket.pause();
  };

  /** A client that closes its side before the answer began has left, as nginx and node:http see it: nobody is to wait for an origin for it. */
  readonly #onEnd = (): void => {
    this.#isEnded = true;
    if (this.#response === null) this.socket.end();
    else if (!this.#response.headersSent) this.socket.destroy();
  };

  readonly #onError = (): void => {
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#owner.onClose(this);
    this.#response?.finish();
  };

  /** Reads and answers what is there: a loop, because most answers are over before handle() returns. */
  #readNext(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#response === null && this.#ahead !== null && !this.socket.destroyed) {
      const bytes = this.#ahead;
      const end = bytes.indexOf(HEAD_END);
      // A line that ends otherwise will never make a head here: the full parser refuses it at once.
      if (end < 0 && bytes.length <= REQUEST_HEAD_BYTES_MAX && !hasBareLineFeed(bytes)) break;
      const isWhole = end >= 0 && end <= REQUEST_HEAD_BYTES_MAX;
      const head = isWhole ? parsePlainHead(bytes.toString('latin1', 0, end + 2)) : undefined;
      if (head === undefined) {
        this.#leave();
        break;
      }
      this.#ahead = end + 4 === bytes.length ? null : bytes.subarray(end + 4);
      const response = new PlainResponse(this, head.method === 'HEAD', head.isLast || this.#isEnded);
      this.#response = response;
      const { method, url, headers, rawHeaders } = head;
      this.#owner.handle({ method, url, httpVersion: '1.1', headers, rawHeaders, socket: this.socket }, response);
    }
    this.#isReading = false;
  }

  #leave(): void {
    const { socket } = this;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    socket.pause();
    if (this.#ahead !== null) socket.unshift(this.#ahead);
    this.#ahead = null;
    this.#owner.handOver(this);
    socket.resume();
  }

  send(head: string, body: Buffer | undefined, hasMore: boolean): void {
    const { socket } = this;
    if (socket.destroyed) return;
    if (native === undefined || this.#fd < 0 || socket.writableLength > 0 || head.length > HEAD_BYTES_MAX) {
      if (head !== '') socket.write(head, 'latin1');
      if (body !== undefined) socket.write(body);
      return;
    }
    const headBytes = outgoing.write(head, 'latin1');
    if (body !== undefined && body.length > COPIED_BYTES_MAX) {
      const sent = Math.max(0, native.sendBoth(this.#fd, outgoing, headBytes, body));
      if (sent < headBytes) socket.write(Buffer.from(outgoing.subarray(sent, headBytes)));
      if (sent < headBytes + body.length) socket.write(body.subarray(Math.max(0, sent - headBytes)));
      return;
    }
    body?.copy(outgoing, headBytes);
    const total = headBytes + (body?.length ?? 0);
    const sent = Math.max(0, native.send(this.#fd, outgoing, total, hasMore));
    if (sent < total) socket.write(Buffer.from(outgoing.subarray(sent, total)));
  }

  finished(response: PlainResponse, isLast: boolean): void {
    if (response !== this.#response) return;
    this.#response = null;
    this.movedAtMs = performance.now();
    if (this.socket.destroyed) return;
    if (isLast || (this.#isEnded && this.#ahead === null)) {
      this.#ahead = null;
      this.socket.end();
      return;
    }
    if (this.#ahead !== null) this.#readNext();
    if (this.socket.isPaused() && this.#response === null) this.socket.resume();
  }
}

/** RFC 9112 2.2: lines end with CR LF. */
function hasBareLineFeed(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) if (bytes[at - 1] !== 0x0d) return true;
  return false;
}

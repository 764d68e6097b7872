// The way back to a client whose connection belongs to a delivery thread. Small answers and relayed bodies go through it by message;
// a stored object is not sent through it at all: the thread is told which one and sends it itself.

import type { Socket } from 'node:net';
import type { ResponseChannel } from '../listen/exchange.ts';
import type { CacheObject } from '../store/cache-object.ts';
import type { ToThread } from './messages.ts';
import { type Outbox, ownBytes } from './outbox.ts';
import type { ThreadLink } from './thread-link.ts';

/** Handed to the thread and not written by it yet; above it write() says stop. */
export const UNWRITTEN_BYTES_MAX = 256 * 1024;

interface PendingWrite {
  bytes: number;
  done: ((error?: Error | null) => void) | undefined;
}

export class ForwardedResponse implements ResponseChannel {
  readonly request: number;
  readonly thread: ThreadLink;
  readonly socket = null;
  statusCode = 200;
  headersSent = false;
  destroyed = false;
  readonly #outbox: Outbox<ToThread>;
  readonly #writes: PendingWrite[] = [];
  #unwrittenBytes = 0;
  #closeListeners: (() => void)[] = [];
  #drainListeners: (() => void)[] = [];

  constructor(request: number, outbox: Outbox<ToThread>, thread: ThreadLink) {
    this.request = request;
    this.thread = thread;
    this.#outbox = outbox;
  }

  writeHead(status: number, headers: readonly string[]): void {
    this.statusCode = status;
    this.headersSent = true;
    this.#send({ kind: 'head', request: this.request, status, headers });
  }

  /** RFC 9110 15.2. */
  writeInformation(status: number, headers: readonly string[]): void {
    this.#send({ kind: 'interim', request: this.request, status, headers });
  }

  /** An object that the thread delivers: in use until the response is over, so that its file stays open on the way there. */
  hold(object: CacheObject): void {
    object.retain();
    this.once('close', () => object.release());
  }

  /** The thread flushes a head with what follows; a body that waits for its origin flushes with its first piece. */
  flushHeaders(): void {}

  write(bytes: Buffer, done?: (error?: Error | null) => void): boolean {
    if (this.destroyed) {
      if (done !== undefined) queueMicrotask(() => done(new Error('client left')));
      return false;
    }
    const own = ownBytes(bytes);
    this.#unwrittenBytes += bytes.length;
    this.#writes.push({ bytes: bytes.length, done });
    this.#send({ kind: 'write', request: this.request, bytes: own }, own.buffer);
    return this.#unwrittenBytes <= UNWRITTEN_BYTES_MAX;
  }

  end(bytes?: Buffer): void {
    if (bytes === undefined || bytes.length === 0) {
      this.#send({ kind: 'end', request: this.request, bytes: null });
      return;
    }
    const own = ownBytes(bytes);
    this.#send({ kind: 'end', request: this.request, bytes: own }, own.buffer);
  }

  destroy(): void {
    if (this.destroyed) return;
    this.#send({ kind: 'destroy', request: this.request });
  }

  /** `socket` never comes: the connection stays with its thread. */
  once(event: 'close' | 'drain' | 'socket', listener: ((socket: Socket) => void) | (() => void)): void {
    if (event === 'close') this.#closeListeners.push(listener as () => void);
    else if (event === 'drain') this.#drainListeners.push(listener as () => void);
  }

  /** The thread wrote one piece. */
  noteWritten(): void {
    const write = this.#writes.shift();
    if (write === undefined) return;
    this.#unwrittenBytes -= write.bytes;
    write.done?.(null);
    if (this.#unwrittenBytes > UNWRITTEN_BYTES_MAX / 2) return;
    const listeners = this.#drainListeners;
    this.#drainListeners = [];
    for (const listener of listeners) listener();
  }

  /** The response is over on the thread: whole, or because the client or the thread is gone. */
  noteClosed(status: number): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.statusCode = status;
    for (const { done } of this.#writes.splice(0)) done?.(new Error('client left'));
    this.#drainListeners = [];
    const listeners = this.#closeListeners;
    this.#closeListeners = [];
    for (const listener of listeners) listener();
  }

  #send(message: ToThread, transfer?: ArrayBuffer): void {
    if (!this.destroyed) this.#outbox.send(message, transfer);
  }
}

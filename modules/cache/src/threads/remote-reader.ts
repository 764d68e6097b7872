// A reader on a delivery thread: sees by the shared state what can be sent, and asks the engine only when it has to wait.

import type { BodyReader } from '../deliver/body-reader.ts';
import { readableEnd } from '../deliver/readable-end.ts';
import { chunkOf } from '../store/chunk-map.ts';
import type { Replica } from './replica.ts';

/** What of the engine a reader needs. */
export interface ReaderPort {
  /** Has the engine follow this reader: fetch what is missing, load what is cold. */
  open(reader: RemoteReader): void;
  wait(position: number): void;
  leave(): void;
}

export class RemoteReader implements BodyReader {
  readonly object: Replica;
  readonly fd: number;
  readonly #end: number;
  readonly #port: ReaderPort;
  #isOpen = false;
  #isClosed = false;
  #wake: ((error?: Error) => void) | null = null;

  /** Throws when the file is not open any more. */
  constructor(object: Replica, start: number, end: number, isRange: boolean, port: ReaderPort) {
    this.object = object;
    this.#end = end;
    this.#port = port;
    object.retain();
    this.fd = object.fd;
    if (this.fd < 0) {
      object.release();
      throw new Error('the stored file was closed');
    }
    const { chunks } = object;
    if (chunks.isComplete) return;
    // Of an object with gaps the engine notes the order in which clients read it, to fetch ahead.
    if (isRange || chunks.firstMissing(chunkOf(start), chunkOf(Math.max(start, end - 1)) + 1) >= 0) this.#open();
  }

  #open(): void {
    this.#isOpen = true;
    this.#port.open(this);
  }

  readableEnd(position: number): number {
    return readableEnd(this.object, this.fd, position, this.#end);
  }

  wait(position: number, wake: (error?: Error) => void): void {
    this.#wake = wake;
    if (!this.#isOpen) this.#open();
    this.#port.wait(position);
  }

  /** The engine says that it is worth looking again, or that it never will be. */
  wake(error?: Error): void {
    const wake = this.#wake;
    this.#wake = null;
    if (!this.#isClosed) wake?.(error);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wake = null;
    if (this.#isOpen) this.#port.leave();
    this.object.release();
  }
}

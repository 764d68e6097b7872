// A response whose head is there and whose body waits, paused, until somebody takes it; gives its place at the origin back when it is over.

import type { EdgeError } from '@wayside/kit';
import type { OriginHead, ResponseSink, TransferControl } from './origin-client.ts';

export interface BodyReceiver {
  onData(piece: Buffer): void;
  onEnd(): void;
  onError(error: EdgeError): void;
}

export interface OpenResponse {
  head: OriginHead;
  requestAtMs: number;
  responseAtMs: number;
  /** Starts the body; once. */
  attach(receiver: BodyReceiver): void;
  pause(): void;
  resume(): void;
  abort(): void;
}

export interface GatedResponseEvents {
  /** The head came, or an error instead of it. One of both, once. */
  onHead(response: OpenResponse): void;
  onNoHead(error: EdgeError): void;
  onBytes(count: number): void;
  /** The body is over, however it ended. Once, only after onHead. */
  onOver(): void;
}

export class GatedResponse implements ResponseSink, OpenResponse {
  head: OriginHead = { status: 0, headers: {} };
  readonly requestAtMs = Date.now();
  responseAtMs = 0;
  readonly #events: GatedResponseEvents;
  #control: TransferControl | null = null;
  #receiver: BodyReceiver | null = null;
  /** What came between the head and attach(): at most what one read of the socket held. */
  #early: Buffer[] = [];
  #isOver = false;
  #ended = false;
  #error: EdgeError | null = null;

  constructor(events: GatedResponseEvents) {
    this.#events = events;
  }

  onHead(head: OriginHead, control: TransferControl): void {
    this.head = head;
    this.responseAtMs = Date.now();
    this.#control = control;
    control.pause();
    this.#events.onHead(this);
  }

  onData(piece: Buffer): void {
    this.#events.onBytes(piece.length);
    if (this.#receiver === null) this.#early.push(piece);
    else this.#receiver.onData(piece);
  }

  onEnd(): void {
    this.#over();
    this.#ended = true;
    this.#receiver?.onEnd();
  }

  onError(error: EdgeError): void {
    if (this.#control === null) {
      this.#events.onNoHead(error);
      return;
    }
    this.#over();
    this.#error = error;
    this.#receiver?.onError(error);
  }

  attach(receiver: BodyReceiver): void {
    this.#receiver = receiver;
    for (const piece of this.#early) receiver.onData(piece);
    this.#early = [];
    if (this.#error !== null) receiver.onError(this.#error);
    else if (this.#ended) receiver.onEnd();
    else this.#control?.resume();
  }

  pause(): void {
    this.#control?.pause();
  }

  resume(): void {
    this.#control?.resume();
  }

  abort(): void {
    this.#receiver = null;
    this.#early = [];
    this.#over();
    this.#control?.abort();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onOver();
  }
}

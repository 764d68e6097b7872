// One way to an origin: a limit on transfers, one retry for a connection that was already dead, a paused response to decide on, a count of bytes.

import { EdgeError } from '@wayside/kit';
import type { OriginClient, OriginHead, OriginRequest, ResponseSink, TransferControl } from './origin-client.ts';

/** Transfers from one origin at a time. More are refused at once with 503: a queue would cost clients 20 s (connected-cache R3). */
export const ORIGIN_TRANSFERS_MAX = 512;
/** Reasons that mean a kept connection had been closed by the other side. */
const DEAD_CONNECTION = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

export interface BodyReceiver {
  onData(piece: Buffer): void;
  onEnd(): void;
  onError(error: EdgeError): void;
}

/** A response whose head is there and whose body waits until somebody takes it. */
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

export class OriginGate {
  readonly #client: OriginClient;
  readonly #running = new Map<string, number>();
  /** Body bytes received from origins. */
  ingressBytes = 0;
  requests = 0;
  failures = 0;

  constructor(client: OriginClient) {
    this.#client = client;
  }

  get transfers(): number {
    let sum = 0;
    for (const count of this.#running.values()) sum += count;
    return sum;
  }

  /** Resolves with the head. Rejects with CACHE_ORIGIN_* when there is none. */
  async open(request: OriginRequest): Promise<OpenResponse> {
    const { base } = request.origin;
    const running = this.#running.get(base) ?? 0;
    if (running >= ORIGIN_TRANSFERS_MAX) {
      throw new EdgeError(
        'CACHE_ORIGIN_BUSY',
        `Cannot fetch from "${request.origin.host}": ${running} transfers run, wanted fewer than ${ORIGIN_TRANSFERS_MAX}`,
        { source: 'internal', retry: 'backoff' },
      );
    }
    this.#running.set(base, running + 1);
    const release = () => {
      const left = (this.#running.get(base) ?? 1) - 1;
      if (left === 0) this.#running.delete(base);
      else this.#running.set(base, left);
    };
    try {
      return await this.#openOnce(request, release).catch((error: EdgeError) => {
        if (!DEAD_CONNECTION.includes(String(error.details?.reason ?? ''))) throw error;
        return this.#openOnce(request, release);
      });
    } catch (error) {
      this.failures += 1;
      release();
      throw error;
    }
  }

  #openOnce(request: OriginRequest, release: () => void): Promise<OpenResponse> {
    this.requests += 1;
    return new Promise((resolve, reject) => {
      const response = new GatedResponse(this, release, resolve, reject);
      this.#client.start(request, response);
    });
  }
}

class GatedResponse implements ResponseSink, OpenResponse {
  head: OriginHead = { status: 0, headers: {} };
  readonly requestAtMs = Date.now();
  responseAtMs = 0;
  readonly #gate: OriginGate;
  readonly #resolve: (response: OpenResponse) => void;
  readonly #reject: (error: EdgeError) => void;
  #release: (() => void) | null;
  #control: TransferControl | null = null;
  #receiver: BodyReceiver | null = null;
  /** What came between the head and attach(): at most what one read of the socket held. */
  #early: Buffer[] = [];
  #ended = false;
  #error: EdgeError | null = null;

  constructor(
    gate: OriginGate,
    release: () => void,
    resolve: (response: OpenResponse) => void,
    reject: (error: EdgeError) => void,
  ) {
    this.#gate = gate;
    this.#release = release;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onHead(head: OriginHead, control: TransferControl): void {
    this.head = head;
    this.responseAtMs = Date.now();
    this.#control = control;
    control.pause();
    this.#resolve(this);
  }

  onData(piece: Buffer): void {
    this.#gate.ingressBytes += piece.length;
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
      // The caller may try again within the same place; it gives the place back.
      this.#release = null;
      this.#reject(error);
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
    this.#release?.();
    this.#release = null;
  }
}

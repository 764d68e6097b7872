// How many connections there may be, in all and from one address. Whoever comes on top of that hears 503 at once:
// a refused or silent port would cost this cache the client for a quarter of an hour (connected-cache 3.6).

import type { Server, Socket } from 'node:net';

/** Refusals whose last bytes are on their way; further connections are cut without a word. */
const REFUSALS_OPEN_MAX = 1000;
/** A refused client gets this long to take its answer. */
const REFUSAL_TIMEOUT_MS = 2000;
const REFUSAL = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

export interface ConnectionLimits {
  /** Each costs some KiB. */
  connectionsMax: number;
  /** Of one address; behind one address of an operator's NAT there may be hundreds of clients. */
  perClientMax: number;
}

/** What is known of clients' connections; counts of one thread or the sum of several. */
export interface ConnectionFigures {
  open: number;
  refused: number;
  /** Cut because they read too slowly. */
  slow: number;
}

export class ConnectionBudget {
  limits: ConnectionLimits;
  readonly #figures: ConnectionFigures;
  readonly #byAddress = new Map<string, number>();
  #total = 0;
  #refusing = 0;

  /** @param figures where it counts */
  constructor(limits: ConnectionLimits, figures: ConnectionFigures) {
    this.limits = limits;
    this.#figures = figures;
  }

  /** Addresses with a connection. */
  get clients(): number {
    return this.#byAddress.size;
  }

  /**
   * Puts the limits in front of a server that does not listen yet.
   * @param isPlain a refusal can be said in HTTP; before a TLS handshake nothing can
   */
  guard(server: Server, isPlain: boolean): void {
    const inner = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!this.#admit(socket)) {
        this.#figures.refused += 1;
        if (isPlain) this.#refuse(socket);
        else socket.destroy();
        return;
      }
      for (const listen of inner) listen.call(server, socket);
    });
  }

  #admit(socket: Socket): boolean {
    const address = socket.remoteAddress;
    // Gone before it was looked at.
    if (address === undefined) return false;
    const known = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.limits.connectionsMax || known >= this.limits.perClientMax) return false;
    this.#byAddress.set(address, known + 1);
    this.#total += 1;
    this.#figures.open += 1;
    socket.once('close', () => {
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
      this.#total -= 1;
      this.#figures.open -= 1;
    });
    return true;
  }

  #refuse(socket: Socket): void {
    if (this.#refusing >= REFUSALS_OPEN_MAX) {
      socket.destroy();
      return;
    }
    this.#refusing += 1;
    const timer = setTimeout(() => socket.destroy(), REFUSAL_TIMEOUT_MS);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#refusing -= 1;
      clearTimeout(timer);
    });
    // What the client sends is read and dropped: unread bytes would turn the end of the connection into a reset.
    socket.resume();
    socket.end(REFUSAL);
  }
}

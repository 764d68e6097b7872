// Connections of the scripted Delivery Optimization client: kept alive and used again as libcurl does, raw bytes out, heads read with their case.

import { connect, type Socket } from 'node:net';

export interface DoTimeouts {
  connectMs: number;
  /** A transfer below `bytesPerSecMin` for this long is given up (CURLOPT_LOW_SPEED_TIME). */
  slowMs: number;
  bytesPerSecMin: number;
}

/** connected-cache 3.5. */
export const DO_TIMEOUTS: DoTimeouts = { connectMs: 3000, slowMs: 20_000, bytesPerSecMin: 4000 };
const HEAD_BYTES_MAX = 100 * 1024;

export interface DoHead {
  status: number;
  /** Value by the exact name, case included (connected-cache 3.8 c). */
  header(name: string): string | undefined;
}

/**
 * How an exchange ended. whole: the body is all there. cut: it ended short. closed: no answer at all on a new connection (and on the one
 * before it, if that was an old one). reset, refused, timeout: as they say.
 */
export interface DoExchange extends DoHead {
  end: 'whole' | 'cut' | 'closed' | 'reset' | 'refused' | 'timeout';
  bytes: number;
  isNewConnection: boolean;
}

export interface DoReceiver {
  onHead(head: DoHead): void;
  onBody(piece: Buffer, status: number): void;
}

export class DoConnections {
  readonly #timeouts: DoTimeouts;
  readonly #idle = new Map<number, Socket[]>();

  constructor(timeouts: DoTimeouts) {
    this.#timeouts = timeouts;
  }

  /** @param port undefined: the name cannot be resolved */
  async exchange(port: number | undefined, text: string, receiver: DoReceiver): Promise<DoExchange> {
    if (port === undefined)
      return { end: 'refused', status: 0, bytes: 0, isNewConnection: true, header: () => undefined };
    const kept = this.#idle.get(port)?.pop();
    if (kept !== undefined) {
      const first = await this.#run(kept, port, text, receiver, false);
      // libcurl repeats once on a new connection what an old one closed on without an answer.
      if (first.end !== 'closed') return first;
    }
    const opened = await this.#open(port);
    if (typeof opened === 'string')
      return { end: opened, status: 0, bytes: 0, isNewConnection: true, header: () => undefined };
    return this.#run(opened, port, text, receiver, true);
  }

  close(): void {
    for (const sockets of this.#idle.values()) for (const socket of sockets) socket.destroy();
    this.#idle.clear();
  }

  /** Like libcurl it looks whether a kept connection is dead before it uses it; what dies in between is the race of the table's seventh row. */
  #keep(port: number, socket: Socket): void {
    const kept = this.#idle.get(port) ?? [];
    this.#idle.set(port, kept);
    kept.push(socket);
    socket.once('end', () => {
      const at = kept.indexOf(socket);
      if (at >= 0) kept.splice(at, 1);
      socket.destroy();
    });
  }

  #open(port: number): Promise<Socket | 'refused' | 'timeout'> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const timer = setTimeout(() => {
        socket.destroy();
        resolve('timeout');
      }, this.#timeouts.connectMs);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        resolve(socket);
      });
      socket.once('error', () => {
        clearTimeout(timer);
        resolve('refused');
      });
    });
  }

  #run(socket: Socket, port: number, text: string, receiver: DoReceiver, isNew: boolean): Promise<DoExchange> {
    const answer = new Answer(receiver);
    const { slowMs, bytesPerSecMin } = this.#timeouts;
    return new Promise((resolve) => {
      let inWindow = 0;
      const finish = (end: DoExchange['end']) => {
        clearInterval(timer);
        socket.removeAllListeners();
        socket.on('error', () => {});
        if (end === 'whole' && answer.isReusable) this.#keep(port, socket);
        else socket.destroy();
        const { status, bytes } = answer;
        resolve({ end, status, bytes, isNewConnection: isNew, header: (name) => answer.header(name) });
      };
      const timer = setInterval(() => {
        if (inWindow < (bytesPerSecMin * slowMs) / 1000) finish('timeout');
        inWindow = 0;
      }, slowMs);
      socket.on('data', (piece: Buffer) => {
        inWindow += piece.length;
        if (answer.take(piece)) finish('whole');
      });
      socket.on('end', () => finish(answer.atEnd()));
      socket.on('error', () => finish(answer.status === 0 ? (isNew ? 'reset' : 'closed') : answer.atEnd()));
      socket.write(text);
    });
  }
}

/** One response as it comes in. */
class Answer implements DoHead {
  status = 0;
  bytes = 0;
  isReusable = false;
  readonly #receiver: DoReceiver;
  #lines: string[] = [];
  #head: Buffer = Buffer.alloc(0);
  /** Bytes still to come; Infinity = until the connection ends. */
  #left = Number.POSITIVE_INFINITY;
  #chunked: Chunked | null = null;

  constructor(receiver: DoReceiver) {
    this.#receiver = receiver;
  }

  header(name: string): string | undefined {
    const line = this.#lines.find((text) => text.startsWith(`${name}: `));
    return line?.slice(name.length + 2);
  }

  /** True when the whole answer is there. */
  take(piece: Buffer): boolean {
    if (this.status >= 200) return this.#body(piece);
    this.#head = Buffer.concat([this.#head, piece]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#head.length > HEAD_BYTES_MAX) throw new Error('the head of the answer never ends');
      return false;
    }
    const rest = this.#head.subarray(end + 4);
    const [first = '', ...lines] = this.#head.subarray(0, end).toString('latin1').split('\r\n');
    this.#head = Buffer.alloc(0);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
    if (status < 200) return this.take(rest);
    this.status = status;
    this.#lines = lines;
    this.#frame();
    this.#receiver.onHead(this);
    return this.#body(rest);
  }

  /** libcurl itself reads framing in any case; only the agent above it does not. */
  #frame(): void {
    const has = (pattern: RegExp) => this.#lines.find((line) => pattern.test(line));
    const length = /:\s*(\d+)/.exec(has(/^content-length:/i) ?? '')?.[1];
    if (this.status === 204 || this.status === 304) this.#left = 0;
    else if (has(/^transfer-encoding:.*chunked/i)) this.#chunked = new Chunked();
    else if (length !== undefined) this.#left = Number(length);
    this.isReusable =
      has(/^connection:.*close/i) === undefined && (this.#chunked !== null || this.#left !== Number.POSITIVE_INFINITY);
  }

  #body(piece: Buffer): boolean {
    const pieces = this.#chunked?.take(piece) ?? [piece.subarray(0, Math.min(piece.length, this.#left))];
    for (const part of pieces) {
      if (part.length === 0) continue;
      this.bytes += part.length;
      this.#left -= part.length;
      this.#receiver.onBody(part, this.status);
    }
    return this.#chunked === null ? this.#left === 0 : this.#chunked.isOver;
  }

  /** The connection ended: what does that mean for the answer? */
  atEnd(): DoExchange['end'] {
    if (this.status === 0) return 'closed';
    return this.#chunked === null && this.#left === Number.POSITIVE_INFINITY ? 'whole' : 'cut';
  }
}

/** Chunked coding (RFC 9112 7.1), as far as the tests' own servers write it. */
class Chunked {
  isOver = false;
  #rest: Buffer = Buffer.alloc(0);

  take(piece: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, piece]);
    const parts: Buffer[] = [];
    for (;;) {
      const line = this.#rest.indexOf('\r\n');
      if (line < 0) return parts;
      const size = Number.parseInt(this.#rest.subarray(0, line).toString('latin1'), 16);
      if (this.#rest.length < line + 2 + size + 2) return parts;
      this.isOver = size === 0;
      parts.push(this.#rest.subarray(line + 2, line + 2 + size));
      this.#rest = this.#rest.subarray(line + 2 + size + 2);
      if (this.isOver) return parts;
    }
  }
}

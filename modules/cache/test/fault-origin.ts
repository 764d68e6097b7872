// An origin on bare sockets that breaks its promises in any way a test says: what it sends is what the script writes, byte for byte.

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

/** A request as it came, with the range it asks for. */
export interface FaultRequest {
  /** Number of this request for its path, from 0. */
  number: number;
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  /** [start, end) when one range with a start was asked for. */
  range: { start: number; end: number } | undefined;
}

/** Writes an answer to the socket, or breaks it. The connection is kept when the script leaves it open. */
export type FaultScript = (request: FaultRequest, socket: Socket) => void;

export class FaultOrigin {
  readonly scripts = new Map<string, FaultScript>();
  readonly requests: FaultRequest[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => resolve());
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Closes the listener and cuts everything; start() opens the same port again. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  of(path: string): FaultRequest[] {
    return this.requests.filter((request) => request.path === path);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let received = '';
    socket.on('data', (piece) => {
      received += piece.toString('latin1');
      for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
        const head = received.slice(0, end);
        received = received.slice(end + 4);
        this.#answer(head, socket);
      }
    });
  }

  #answer(head: string, socket: Socket): void {
    const [first = '', ...lines] = head.split('\r\n');
    const [method = '', target = ''] = first.split(' ');
    const path = target.split('?', 1)[0] as string;
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const asked = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
    const range = asked === null ? undefined : { start: Number(asked[1]), end: Number(asked[2]) + 1 };
    const request = { number: this.of(path).length, method, path, headers, range };
    this.requests.push(request);
    const script = this.scripts.get(path);
    if (script !== undefined) script(request, socket);
    else socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  }
}

export interface Representation {
  body: Buffer;
  etag?: string | null;
  lastModified?: string;
}

/** What an honest origin answers; `change` alters the head before it is written, `send` writes the body its own way. */
export function answer(
  { body, etag = '"v1"', lastModified }: Representation,
  { range, headers }: FaultRequest,
  socket: Socket,
  more: {
    change?: (head: Record<string, string | number | null>, status: number) => number | undefined;
    send?: (part: Buffer) => void;
    noRanges?: boolean;
  } = {},
): void {
  const condition = headers['if-range'];
  const isPart =
    range !== undefined &&
    more.noRanges !== true &&
    range.start < body.length &&
    (condition === undefined || condition === etag || condition === lastModified);
  const start = isPart ? range.start : 0;
  const end = isPart ? Math.min(range.end, body.length) : body.length;
  const head: Record<string, string | number | null> = {
    Date: new Date().toUTCString(),
    'Cache-Control': 'max-age=600',
    ETag: etag,
    'Last-Modified': lastModified ?? null,
    'Content-Length': end - start,
    'Content-Range': isPart ? `bytes ${start}-${end - 1}/${body.length}` : null,
  };
  const status = more.change?.(head, isPart ? 206 : 200) ?? (isPart ? 206 : 200);
  const lines = Object.entries(head).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}\r\n`]));
  socket.write(`HTTP/1.1 ${status} Whatever\r\n${lines.join('')}\r\n`);
  const part = body.subarray(start, end);
  if (more.send === undefined) socket.write(part);
  else more.send(part);
}

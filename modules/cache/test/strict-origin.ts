// An origin that believes nothing: a raw socket server that keeps every byte of every connection, reads requests by the letter of RFC 9112 and
// notes each departure from it. What it read as one request must have been meant as one.

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

export interface StrictRequest {
  method: string;
  target: string;
  /** Names in lower case; several fields of a name stay several. */
  fields: [name: string, value: string][];
  bodyBytes: number;
}

const BODY = Buffer.from(Array.from({ length: 2000 }, (_, i) => i % 251));
const HEAD_BYTES_MAX = 64 * 1024;

export class StrictOrigin {
  readonly requests: StrictRequest[] = [];
  /** Departures from the grammar, with the connection's bytes. */
  readonly faults: string[] = [];
  readonly #server: Server;
  readonly #connections = new Set<StrictConnection>();

  constructor() {
    this.#server = createServer((socket) => {
      const connection = new StrictConnection(socket, this);
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes that came after the last complete request of a connection that is still open. */
  get unreadBytes(): number {
    return [...this.#connections].reduce((sum, { unreadBytes }) => sum + unreadBytes, 0);
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#connections) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

class StrictConnection {
  readonly socket: Socket;
  readonly #origin: StrictOrigin;
  #rest = '';

  constructor(socket: Socket, origin: StrictOrigin) {
    this.socket = socket;
    this.#origin = origin;
    socket.on('error', () => {});
    socket.on('data', (piece: Buffer) => {
      this.#rest += piece.toString('latin1');
      while (!socket.destroyed && this.#take());
    });
  }

  get unreadBytes(): number {
    return this.#rest.length;
  }

  #fault(what: string): false {
    this.#origin.faults.push(`${what}: ${JSON.stringify(this.#rest.slice(0, 500))}`);
    this.socket.destroy();
    return false;
  }

  /** True when a request was taken off. */
  #take(): boolean {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end < 0) return this.#rest.length > HEAD_BYTES_MAX ? this.#fault('a head without end') : false;
    const head = this.#rest.slice(0, end);
    if (/[^\t\x20-\x7e\x80-\xff\r\n]/.test(head)) return this.#fault('a control character');
    if (/\r(?!\n)|(?<!\r)\n/.test(head)) return this.#fault('a bare CR or LF');
    const [first = '', ...lines] = head.split('\r\n');
    const [, method = '', target = ''] = /^([A-Z-]+) (\S+) HTTP\/1\.1$/.exec(first) ?? [];
    if (method === '') return this.#fault('a request line that is none');
    const fields: [string, string][] = [];
    for (const line of lines) {
      const [, name, value] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
      if (name === undefined) return this.#fault(`a line that is no field (${JSON.stringify(line)})`);
      fields.push([name.toLowerCase(), value as string]);
    }
    return this.#takeBody(method, target, fields, end + 4);
  }

  #takeBody(method: string, target: string, fields: [string, string][], at: number): boolean {
    const all = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value);
    const [lengths, codings] = [all('content-length'), all('transfer-encoding')];
    if (all('host').length !== 1) return this.#fault('not one Host');
    if (lengths.length + codings.length > 1) return this.#fault('more than one framing');
    if (lengths[0] !== undefined && !/^\d{1,15}$/.test(lengths[0])) return this.#fault('a length that is none');
    if (codings[0] !== undefined && codings[0] !== 'chunked') return this.#fault('a coding that is not chunked');
    const end = codings[0] === undefined ? at + Number(lengths[0] ?? 0) : this.#chunkedEnd(at);
    if (end === undefined || this.#rest.length < end) return false;
    this.#rest = this.#rest.slice(end);
    this.#origin.requests.push({ method, target, fields, bodyBytes: end - at });
    this.#answer(method);
    return true;
  }

  /** Behind the last chunk; undefined when it is not there yet. */
  #chunkedEnd(start: number): number | undefined {
    for (let at = start; ; ) {
      const line = this.#rest.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const size = this.#rest.slice(at, line);
      if (!/^[0-9a-fA-F]{1,12}$/.test(size)) {
        this.#fault('a chunk size that is none');
        return undefined;
      }
      at = line + 2 + Number.parseInt(size, 16) + 2;
      if (this.#rest.length < at) return undefined;
      if (this.#rest.slice(at - 2, at) !== '\r\n') {
        this.#fault(/^0+$/.test(size) ? 'trailers' : 'a chunk that is longer than its size');
        return undefined;
      }
      if (/^0+$/.test(size)) return at;
    }
  }

  #answer(method: string): void {
    const isRead = method === 'GET' || method === 'HEAD';
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${isRead ? BODY.length : 0}\r\n${isRead ? 'ETag: "strict"\r\nCache-Control: max-age=3600\r\n' : ''}\r\n`;
    this.socket.write(head);
    if (method === 'GET') this.socket.write(BODY);
  }
}

// An origin that answers as each test says, by path, and keeps what it was asked: for the words of HTTP rather than for bytes.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: Buffer;
}

export type Script = (asked: Asked, response: ServerResponse, count: number) => void | Promise<void>;

export class ScriptedOrigin {
  readonly asked: Asked[] = [];
  readonly #scripts = new Map<string, Script>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param script gets the number of requests for this path so far, from 1 */
  on(path: string, script: Script): void {
    this.#scripts.set(path, script);
  }

  /** Answers with these headers and a body that tells how often it was asked: `path#count`. */
  says(path: string, headers: Record<string, string | string[]>, status = 200): void {
    this.on(path, (_asked, response, count) => {
      const body = status === 204 ? '' : `${path}#${count}`;
      response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'Content-Length': body.length }) });
      response.end(body);
    });
  }

  of(path: string): Asked[] {
    return this.asked.filter(({ url }) => url.split('?', 1)[0] === path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      return;
    }
    const { method = '', url = '', headers, rawHeaders } = request;
    const asked = { method, url, headers, rawHeaders, body: Buffer.concat(pieces) };
    this.asked.push(asked);
    const path = url.split('?', 1)[0] as string;
    const script = this.#scripts.get(path);
    if (script !== undefined) return script(asked, response, this.of(path).length);
    response.writeHead(404, { 'Content-Length': 0 });
    response.end();
  }
}

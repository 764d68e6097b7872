// A real HTTP origin for tests: objects by path with behaviour per object, and a record of what it was asked and sent.

import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface OriginObject {
  body: Buffer;
  etag?: string | null;
  lastModified?: string;
  cacheControl?: string | null;
  headers?: Record<string, string>;
  status?: number;
  /** Answers 200 to every range. */
  noRanges?: boolean;
  /** No Content-Length: chunked. */
  chunked?: boolean;
  /** Bytes a second of one connection. */
  bytesPerSec?: number;
  /** Cuts the connection after so many bytes of the body; counts down to 0 cuts. */
  cutAfterBytes?: number;
  cuts?: number;
}

export interface OriginRecord {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
}

const PIECE_BYTES = 64 * 1024;

export class TestOrigin {
  readonly objects = new Map<string, OriginObject>();
  readonly requests: OriginRecord[] = [];
  sentBytes = 0;
  /** Bodies under way at the same time, at most so far. */
  bodiesAtOnceMax = 0;
  #bodies = 0;
  #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('clientError', () => {});
  }

  /** @param port 0 = a free one */
  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Adds an object of random bytes. */
  add(path: string, size: number, more: Partial<OriginObject> = {}): Buffer {
    const body = more.body ?? randomBytes(size);
    this.objects.set(path, {
      body,
      etag: `"${createHash('sha1').update(body).digest('hex')}"`,
      cacheControl: 'public, max-age=600',
      ...more,
    });
    return body;
  }

  of(path: string): OriginRecord[] {
    return this.requests.filter((record) => record.url.split('?', 1)[0] === path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '';
    this.requests.push({ method: request.method ?? '', url, headers: request.headers });
    const object = this.objects.get(url.split('?', 1)[0] as string);
    if (object === undefined) {
      response.writeHead(404, { 'Content-Length': 9 });
      response.end(request.method === 'HEAD' ? undefined : 'not found');
      return;
    }
    const headers: Record<string, string | number> = { 'Content-Type': 'application/octet-stream', ...object.headers };
    if (object.etag) headers.ETag = object.etag;
    if (object.lastModified) headers['Last-Modified'] = object.lastModified;
    if (object.cacheControl) headers['Cache-Control'] = object.cacheControl;
    const isSame = object.etag && request.headers['if-none-match'] === object.etag;
    if (isSame) {
      response.writeHead(304, headers);
      response.end();
      return;
    }
    let body = object.body;
    let status = object.status ?? 200;
    const range = object.noRanges || status !== 200 ? undefined : rangeOf(request, object);
    if (range === 'bad') {
      response.writeHead(416, { 'Content-Range': `bytes */${body.length}`, 'Content-Length': 0 });
      response.end();
      return;
    }
    if (!object.noRanges) headers['Accept-Ranges'] = 'bytes';
    if (range !== undefined) {
      status = 206;
      headers['Content-Range'] = `bytes ${range[0]}-${range[1]}/${body.length}`;
      body = body.subarray(range[0], range[1] + 1);
    }
    if (!object.chunked) headers['Content-Length'] = body.length;
    response.writeHead(status, headers);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    this.#bodies += 1;
    this.bodiesAtOnceMax = Math.max(this.bodiesAtOnceMax, this.#bodies);
    await this.#send(response, body, object).finally(() => {
      this.#bodies -= 1;
    });
  }

  async #send(response: ServerResponse, body: Buffer, object: OriginObject): Promise<void> {
    let sent = 0;
    const piece =
      object.bytesPerSec === undefined ? PIECE_BYTES : Math.max(1, Math.min(PIECE_BYTES, object.bytesPerSec / 20));
    while (sent < body.length) {
      if (response.destroyed) return;
      const next = body.subarray(sent, sent + piece);
      if (object.cutAfterBytes !== undefined && (object.cuts ?? 1) > 0 && sent + next.length > object.cutAfterBytes) {
        object.cuts = (object.cuts ?? 1) - 1;
        response.socket?.destroy();
        return;
      }
      sent += next.length;
      this.sentBytes += next.length;
      const isTaken = response.write(next);
      if (object.bytesPerSec !== undefined) await sleep((next.length / object.bytesPerSec) * 1000);
      else if (!isTaken) await flowing(response);
    }
    response.end();
  }
}

function rangeOf(request: IncomingMessage, object: OriginObject): [number, number] | 'bad' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  if (!match || (condition !== undefined && condition !== object.etag && condition !== object.lastModified))
    return undefined;
  const size = object.body.length;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start >= size ? 'bad' : [start, end];
}

/** Resolves when the response takes more, or is over. */
function flowing(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}

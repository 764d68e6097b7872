// Straight from the origin to one client: what may not be stored (no-store, credentials), what does not fit, and HEAD of what is unknown.

import { EdgeError, type Logger } from '@wayside/kit';
import type { TrafficCounters } from '../operate/traffic-counters.ts';
import type { OpenResponse, OriginGate } from '../origin/origin-gate.ts';
import { spool } from '../origin/spool.ts';
import { keptHeaders } from '../store/object-meta.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { lastRangeHeader } from './byte-range.ts';
import type { ClientRequest } from './client-request.ts';
import { statusForClient } from './failure-status.ts';
import { passedHeaders } from './response-head.ts';

/** Client headers that an unstored request takes upstream; never who the client is. */
const FORWARDED = [
  'authorization',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'accept',
];

export interface OriginRelayDeps {
  gate: OriginGate;
  store: ObjectStore;
  counters: TrafficCounters;
  logger: Logger;
}

export class OriginRelay {
  readonly #deps: OriginRelayDeps;

  constructor(deps: OriginRelayDeps) {
    this.#deps = deps;
  }

  async relay(client: ClientRequest): Promise<void> {
    const { request, origin, target } = client;
    const headers: string[] = [];
    for (const name of FORWARDED) {
      const value = request.headers[name];
      if (typeof value === 'string' && name !== 'accept') headers.push(name, value);
    }
    const range = lastRangeHeader(request.rawHeaders);
    if (range !== undefined && request.method === 'GET') headers.push('Range', range);
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
    let response = await this.#deps.gate.open({ origin, method, target, headers });
    if (client.response.destroyed) return response.abort();
    if (method === 'GET' && response.head.status !== 304 && response.head.headers['content-length'] === undefined) {
      const drive = this.#deps.store.drives.find((d) => d.isUp);
      if (drive === undefined) {
        response.abort();
        throw new EdgeError('CACHE_STORE_FULL', 'Cannot take a body without a length: no drive is up');
      }
      response = await spool(response, drive.path);
      if (client.response.destroyed) return response.abort();
    }
    this.#pass(client, response);
  }

  #pass({ request, response: out, origin }: ClientRequest, response: OpenResponse): void {
    const { status, headers } = response.head;
    const shown =
      status === 204 || status === 205
        ? 502
        : statusForClient(status, request.headers['user-agent'], origin.maskOrigin4xx);
    if (shown !== status) {
      response.abort();
      out.writeHead(shown, ['X-Origin-Status', String(status), 'Content-Length', '0', 'X-Cache', 'BYPASS']);
      out.end();
      return;
    }
    const head = passedHeaders(keptHeaders(headers));
    for (const name of ['content-length', 'content-range'] as const) {
      const value = headers[name];
      if (value !== undefined) head.push(name === 'content-length' ? 'Content-Length' : 'Content-Range', value);
    }
    out.writeHead(status, [...head, 'X-Cache', request.method === 'HEAD' ? 'MISS' : 'BYPASS']);
    out.once('close', () => response.abort());
    response.attach({
      onData: (piece) => {
        this.#deps.counters.addBytes(origin, 0, piece.length);
        if (!out.write(piece)) {
          response.pause();
          out.once('drain', () => response.resume());
        }
      },
      onEnd: () => out.end(),
      onError: () => out.destroy(),
    });
  }
}

// One JSON line a request, off by default: clients' addresses are personal data and a busy node writes gigabytes.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CacheResult } from './response-head.ts';

/** How a response came to its bytes: heads are written as lists, which Node keeps no look-up of. */
const results = new WeakMap<ServerResponse, CacheResult>();

export function noteResult(response: ServerResponse, result: CacheResult): void {
  results.set(response, result);
}

interface Entry {
  atMs: number;
  request: IncomingMessage;
  address: string;
}

export class AccessLog {
  readonly isOn: boolean;
  readonly #write: (line: string) => void;

  constructor(isOn: boolean, write: (line: string) => void) {
    this.isOn = isOn;
    this.#write = write;
  }

  begin(request: IncomingMessage): Entry {
    return { atMs: Date.now(), request, address: request.socket.remoteAddress ?? '' };
  }

  end({ atMs, request, address }: Entry, response: ServerResponse): void {
    // A signed query is as good as a password while it lasts: only the path is written.
    const path = (request.url ?? '').split('?', 1)[0];
    const origin = /[?&]cacheHostOrigin=([^&]*)/i.exec(request.url ?? '')?.[1] ?? request.headers.host;
    this.#write(
      JSON.stringify({
        at: new Date(atMs).toISOString(),
        client: address,
        method: request.method,
        origin,
        path,
        range: request.headers.range,
        status: response.statusCode,
        result: results.get(response),
        ms: Date.now() - atMs,
        agent: request.headers['user-agent'],
      }),
    );
  }
}

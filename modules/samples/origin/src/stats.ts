// Counts what was asked for and what was sent, so that a test can say "the origin sent it once". Client addresses are not kept.

import type { IncomingHttpHeaders } from 'node:http';

/** One request as /__stats shows it. */
export interface SeenRequest {
  atUtc: string;
  method: string;
  host: string;
  path: string;
  /** Without the question mark. */
  query: string;
  headers: IncomingHttpHeaders;
  status: number;
  /** Body bytes handed to the connection. */
  bytes: number;
}

export interface PathCount {
  requests: number;
  bytes: number;
}

/** Requests kept in full; older ones only count. */
export const SEEN_REQUESTS_MAX = 1000;
/** Paths counted one by one; further ones count as OTHER_PATHS. */
export const COUNTED_PATHS_MAX = 10_000;
export const OTHER_PATHS = '(other)';
/** Headers by which proxies name the client. */
const ADDRESS_HEADERS: readonly string[] = [
  'forwarded',
  'x-forwarded-for',
  'x-real-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'via',
];

export class Stats {
  #paths = new Map<string, PathCount>();
  #last: SeenRequest[] = [];
  #requests = 0;
  #bytes = 0;

  /** Enters a request; status and bytes are filled in while it is answered. */
  begin(request: Omit<SeenRequest, 'status' | 'bytes'>): { sent(bytes: number): void; status(code: number): void } {
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !ADDRESS_HEADERS.includes(name)),
    );
    const seen: SeenRequest = { ...request, headers, status: 0, bytes: 0 };
    const count = this.#countOf(request.path);
    this.#requests += 1;
    count.requests += 1;
    this.#last.push(seen);
    if (this.#last.length > SEEN_REQUESTS_MAX) this.#last.shift();
    return {
      sent: (bytes) => {
        this.#bytes += bytes;
        count.bytes += bytes;
        seen.bytes += bytes;
      },
      status: (code) => {
        seen.status = code;
      },
    };
  }

  #countOf(path: string): PathCount {
    const key = this.#paths.has(path) || this.#paths.size < COUNTED_PATHS_MAX ? path : OTHER_PATHS;
    const count = this.#paths.get(key) ?? { requests: 0, bytes: 0 };
    this.#paths.set(key, count);
    return count;
  }

  reset(): void {
    this.#paths = new Map();
    this.#last = [];
    this.#requests = 0;
    this.#bytes = 0;
  }

  /** Body of GET /__stats. */
  snapshot(): { requests: number; bytes: number; paths: { [path: string]: PathCount }; last: SeenRequest[] } {
    return { requests: this.#requests, bytes: this.#bytes, paths: Object.fromEntries(this.#paths), last: this.#last };
  }
}

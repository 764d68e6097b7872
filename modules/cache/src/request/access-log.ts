// One JSON line a request, off by default: clients' addresses are personal data and a busy node writes gigabytes.
// With a share below 1 only some requests are written, but always those that failed or were slow.

import type { RequestHead, ResponseChannel } from '../listen/exchange.ts';
import type { CacheResult } from './response-head.ts';

const AGENT_CHARACTERS_MAX = 200;
const TARGET_CHARACTERS_MAX = 2048;
const MASK = '*';

/** How a response came to its bytes: heads are written as lists, which Node keeps no look-up of. */
const results = new WeakMap<ResponseChannel, CacheResult>();

export function noteResult(response: ResponseChannel, result: CacheResult): void {
  results.set(response, result);
}

export interface AccessLogSettings {
  isOn: boolean;
  /** 0 to 1: share of the requests that are written. */
  share: number;
  /** Requests that took longer are always written. */
  slowMs: number;
}

interface Entry {
  atMs: number;
  request: RequestHead;
  address: string;
}

export class AccessLog {
  #settings: AccessLogSettings;
  readonly #write: (line: string) => void;
  readonly #random: () => number;
  written = 0;

  constructor(
    settings: AccessLogSettings | boolean,
    write: (line: string) => void,
    random: () => number = Math.random,
  ) {
    this.#settings =
      typeof settings === 'boolean' ? { isOn: settings, share: 1, slowMs: Number.POSITIVE_INFINITY } : settings;
    this.#write = write;
    this.#random = random;
  }

  get isOn(): boolean {
    return this.#settings.isOn;
  }

  configure(settings: AccessLogSettings): void {
    this.#settings = settings;
  }

  begin(request: RequestHead): Entry {
    return { atMs: Date.now(), request, address: request.socket.remoteAddress ?? '' };
  }

  end({ atMs, request, address }: Entry, response: ResponseChannel): void {
    const ms = Date.now() - atMs;
    const { share, slowMs } = this.#settings;
    if (response.statusCode < 500 && ms < slowMs && this.#random() >= share) return;
    const url = request.url ?? '';
    const agent = request.headers['user-agent'];
    this.written += 1;
    this.#write(
      JSON.stringify({
        at: new Date(atMs).toISOString(),
        client: address,
        method: request.method,
        origin: /[?&]cacheHostOrigin=([^&]*)/i.exec(url)?.[1] ?? request.headers.host,
        ...maskedTarget(url),
        range: request.headers.range,
        status: response.statusCode,
        result: results.get(response),
        ms,
        agent: typeof agent === 'string' ? agent.slice(0, AGENT_CHARACTERS_MAX) : undefined,
      }),
    );
  }
}

/**
 * A signed link is as good as a password while it lasts: of the query only the names are written, of a path segment that holds
 * `name=value` only what stands before the sign.
 */
export function maskedTarget(url: string): { path: string; query: string | undefined } {
  const mark = url.indexOf('?');
  const path = (mark < 0 ? url : url.slice(0, mark)).replace(/=[^/]*/g, `=${MASK}`);
  if (mark < 0) return { path: path.slice(0, TARGET_CHARACTERS_MAX), query: undefined };
  const query = url
    .slice(mark + 1)
    .split('&')
    .filter((part) => part !== '' && !/^cacheHostOrigin(=|$)/i.test(part))
    .map((part) => (part.includes('=') ? `${part.slice(0, part.indexOf('='))}=${MASK}` : MASK))
    .join('&');
  return {
    path: path.slice(0, TARGET_CHARACTERS_MAX),
    query: query === '' ? undefined : query.slice(0, TARGET_CHARACTERS_MAX),
  };
}

// Addresses of origins' names: asked from several DNS servers in turn, kept as long as their TTL says, and longer while no server answers.
// getaddrinfo(3) holds a thread of the pool that also does the drives' I/O, so it is asked once a name and for few names at a time.

import type { LookupAddress } from 'node:dns';
import { Semaphore } from '@wayside/kit';

/** Look-ups through the system at a time: the thread pool has 4 threads, the drives need the others. */
const SYSTEM_LOOKUPS_MAX = 2;
/** Kept at least this long: a TTL of 0 would cost a look-up for each connection. */
const TTL_SECS_MIN = 1;
const TTL_SECS_MAX = 3600;
/** Names that do not exist. */
const NEGATIVE_TTL_SECS = 5;
/** RFC 8767: how long an expired answer may be used while no server answers, and how soon they are asked again. */
const STALE_SECS_MAX = 6 * 3600;
const STALE_RETRY_SECS = 5;
const NAMES_MAX = 10_000;

/** What one server knows of a name. `addresses` empty = the name does not exist or has none. */
export interface NameAnswer {
  addresses: LookupAddress[];
  ttlSecs: number;
}

/** Asks one server. Resolves with an answer that counts, rejects when the server could not say (no answer, SERVFAIL, REFUSED). */
export type AskServer = (host: string) => Promise<NameAnswer>;

interface Entry extends NameAnswer {
  expiresAtMs: number;
  staleUntilMs: number;
}

export interface NameResolverOptions {
  /** In the order of preference; at least one. */
  servers: readonly AskServer[];
  nowMs: () => number;
}

/** Error as node:dns gives it. */
export function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`queryA ENOTFOUND ${host}`), { code: 'ENOTFOUND', hostname: host });
}

export class NameResolver {
  readonly #options: NameResolverOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<Entry>>();
  /** The server that answered last: a dead first server costs its time-out once, not at every name. */
  #preferred = 0;

  constructor(options: NameResolverOptions) {
    if (options.servers.length === 0) throw new RangeError('Cannot resolve names: no server, wanted at least one');
    this.#options = options;
  }

  /** Every address of the name. Rejects with ENOTFOUND when it has none, with the last server's error when none answers. */
  async resolve(host: string): Promise<LookupAddress[]> {
    const { nowMs } = this.#options;
    const known = this.#entries.get(host);
    const entry = known !== undefined && nowMs() < known.expiresAtMs ? known : await this.#renew(host, known);
    if (entry.addresses.length === 0) throw notFound(host);
    return entry.addresses;
  }

  #renew(host: string, known: Entry | undefined): Promise<Entry> {
    let running = this.#running.get(host);
    if (running === undefined) {
      running = this.#ask(host, known).finally(() => this.#running.delete(host));
      this.#running.set(host, running);
    }
    return running;
  }

  async #ask(host: string, known: Entry | undefined): Promise<Entry> {
    const { servers, nowMs } = this.#options;
    const first = this.#preferred;
    let failure: unknown;
    for (let i = 0; i < servers.length; i += 1) {
      const number = (first + i) % servers.length;
      try {
        const answer = await (servers[number] as AskServer)(host);
        this.#preferred = number;
        return this.#keep(host, answer);
      } catch (error) {
        failure = error;
      }
    }
    if (known === undefined || known.addresses.length === 0 || nowMs() >= known.staleUntilMs) throw failure;
    known.expiresAtMs = nowMs() + STALE_RETRY_SECS * 1000;
    return known;
  }

  #keep(host: string, { addresses, ttlSecs }: NameAnswer): Entry {
    const isFound = addresses.length > 0;
    const secs = isFound ? Math.min(TTL_SECS_MAX, Math.max(TTL_SECS_MIN, ttlSecs)) : NEGATIVE_TTL_SECS;
    const expiresAtMs = this.#options.nowMs() + secs * 1000;
    const entry = { addresses, ttlSecs, expiresAtMs, staleUntilMs: expiresAtMs + STALE_SECS_MAX * 1000 };
    // A renewed name moves to the end, so the first one is the one that was not needed for the longest time.
    this.#entries.delete(host);
    this.#entries.set(host, entry);
    if (this.#entries.size > NAMES_MAX) this.#entries.delete(this.#entries.keys().next().value as string);
    return entry;
  }
}

/** Lets few look-ups through at a time. */
export function fewAtATime(ask: AskServer): AskServer {
  const slots = new Semaphore(SYSTEM_LOOKUPS_MAX);
  return (host) => slots.run(() => ask(host));
}

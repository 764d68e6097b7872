// A client that behaves as the open Delivery Optimization client was seen to (connected-cache 3.3 to 3.8), defects included: whom it asks,
// what its requests look like byte for byte, whom it avoids for how long, when it tries again. It checks nothing of what it gets: that is the point.
// Time is the caller's: waits of the retry ladder and bans pass on a clock that the test turns, only sockets take real time.

import { DO_TIMEOUTS, DoConnections, type DoExchange, type DoTimeouts } from './do-connections.ts';

/** connected-cache 3.6: g_mccHostBanInterval. */
export const BAN_MS = 15 * 60_000;
/** 3.5: 1 s doubled before use, at most 30 s. */
const LADDER_FIRST_MS = 2000;
const LADDER_MAX_MS = 30_000;
/** 3.5: 30 checks of 10 s without a byte. */
const NO_PROGRESS_MS = 300_000;
const REDIRECTS_MAX = 10;
/** 3.6: after so many fruitless tries at the CDN the client goes back to the cache. */
const FRUITLESS_CDN_TRIES = 2;
const NO_PROGRESS = 0x80d02002;
const HTTP_400 = 0x80190190;
const USER_AGENT = 'Microsoft-Delivery-Optimization-Lite/10.0.0.1';

export class TestClock {
  nowMs = 1_700_000_000_000;

  advance(ms: number): void {
    this.nowMs += ms;
  }
}

export interface DoClientOptions {
  /** DOCacheHost `host[:port]`, undefined for none. */
  cacheHost: string | undefined;
  /** Where a host's own server listens here; undefined = its name cannot be resolved. */
  portOf: (host: string) => number | undefined;
  /** DODelayCacheServerFallback in seconds: 0 falls back at once, -1 never. */
  fallbackDelaySecs?: number;
  clock?: TestClock;
  timeouts?: Partial<DoTimeouts>;
}

/** One request as it went out and what became of it. */
export interface DoAttempt {
  to: 'cache' | 'cdn';
  /** Since the start of the job, on the clock. */
  atMs: number;
  /** Exact bytes of the request. */
  text: string;
  outcome: DoExchange['end'];
  status: number;
  isNewConnection: boolean;
  /** Bytes of body taken. */
  bytes: number;
}

export interface DoJob {
  state: 'Transferred' | 'Paused' | 'AgentAborted';
  /** HRESULT of a paused job, 0 otherwise. */
  error: number;
  body: Buffer;
  /** What the client believes; 0 where it could not read the length (3.8 c). */
  bytesTotal: number;
  attempts: DoAttempt[];
}

export class DoClient {
  readonly clock: TestClock;
  readonly #options: DoClientOptions;
  readonly #connections: DoConnections;
  /** End of the ban; key '' = every origin. */
  readonly #bannedUntilMs = new Map<string, number>();

  constructor(options: DoClientOptions) {
    this.#options = options;
    this.clock = options.clock ?? new TestClock();
    this.#connections = new DoConnections({ ...DO_TIMEOUTS, ...options.timeouts });
  }

  /** True while the cache is avoided for this origin. */
  isBanned(originHost: string): boolean {
    return ['', originHost].some((key) => (this.#bannedUntilMs.get(key) ?? 0) > this.clock.nowMs);
  }

  /** Downloads an http URL; resolves with what the agent would show. */
  async download(url: string): Promise<DoJob> {
    return new Download(this, this.#options, this.#connections, new URL(url)).run();
  }

  /** connected-cache 3.6: 4xx bans for this origin, an unreachable or silent cache for all. */
  ban(originHost: string): void {
    this.#bannedUntilMs.set(originHost, this.clock.nowMs + BAN_MS);
  }

  close(): void {
    this.#connections.close();
  }
}

interface Turn {
  kind: 'done' | 'again' | 'ladder' | 'final';
  error?: number;
}

/** One job. */
class Download {
  readonly #client: DoClient;
  readonly #options: DoClientOptions;
  readonly #connections: DoConnections;
  readonly #url: URL;
  readonly #attempts: DoAttempt[] = [];
  readonly #startMs: number;
  /** Grows by one line a resume: the list is not reset (3.8 a). */
  readonly #rangeLines: string[] = [];
  #pieces: Buffer[] = [];
  #received = 0;
  #bytesTotal = 0;
  #isAtCdn = false;
  #hasFallenBack = false;
  #fruitlessCdnTries = 0;
  #ladderMs = LADDER_FIRST_MS;
  #progressAtMs: number;

  constructor(client: DoClient, options: DoClientOptions, connections: DoConnections, url: URL) {
    this.#client = client;
    this.#options = options;
    this.#connections = connections;
    this.#url = url;
    this.#startMs = client.clock.nowMs;
    this.#progressAtMs = client.clock.nowMs;
  }

  async run(): Promise<DoJob> {
    const { clock } = this.#client;
    for (;;) {
      const mayUseCache = this.#options.cacheHost !== undefined && !this.#client.isBanned(this.#url.hostname);
      const to = mayUseCache && !this.#isAtCdn ? 'cache' : 'cdn';
      const exchange = await this.#ask(to);
      if (exchange.end === 'cut' && this.#bytesTotal === 0 && exchange.bytes > 0) return this.#job('AgentAborted');
      const turn = to === 'cache' ? this.#afterCache(exchange) : this.#afterCdn(exchange);
      if (turn.kind === 'done') return this.#job('Transferred');
      if (turn.kind === 'final') return this.#job('Paused', turn.error);
      if (turn.kind === 'ladder') {
        clock.advance(this.#ladderMs);
        this.#ladderMs = Math.min(this.#ladderMs * 2, LADDER_MAX_MS);
      }
      if (clock.nowMs - this.#progressAtMs >= NO_PROGRESS_MS) return this.#job('Paused', NO_PROGRESS);
    }
  }

  #job(state: DoJob['state'], error = 0): DoJob {
    const body = Buffer.concat(this.#pieces);
    return { state, error, body, bytesTotal: this.#bytesTotal, attempts: this.#attempts };
  }

  /** One request with its redirects. */
  async #ask(to: 'cache' | 'cdn'): Promise<DoExchange> {
    if (this.#received > 0 && this.#bytesTotal > 0) {
      this.#rangeLines.push(`Range: bytes=${this.#received}-${this.#bytesTotal - 1}\r\n`);
    }
    let { authority, target } = to === 'cache' ? this.#atCache() : this.#atCdn(this.#url);
    for (let redirects = 0; ; redirects += 1) {
      const text =
        `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: ${USER_AGENT}\r\nAccept: */*\r\n` +
        `${this.#rangeLines.join('')}\r\n`;
      const atMs = this.#client.clock.nowMs - this.#startMs;
      const exchange = await this.#connections.exchange(this.#portFor(to, authority), text, {
        onHead: (head) => this.#noteTotal(head.status, (name) => head.header(name)),
        onBody: (piece, status) => this.#take(piece, status),
      });
      const { end, status, bytes, isNewConnection } = exchange;
      this.#attempts.push({ to, atMs, text, outcome: end, status, bytes, isNewConnection });
      const location = exchange.header('Location');
      if (![301, 302, 307, 308].includes(status) || location === undefined || redirects >= REDIRECTS_MAX)
        return exchange;
      ({ authority, target } = this.#atCdn(new URL(location, `http://${authority}${target}`)));
      to = authority === this.#options.cacheHost ? 'cache' : 'cdn';
    }
  }

  /** 3.4: only the host changes; the parameter comes last and has no port. */
  #atCache(): { authority: string; target: string } {
    const { hostname, pathname, search } = this.#url;
    const target = `${pathname}${search}${search === '' ? '?' : '&'}cacheHostOrigin=${hostname}`;
    return { authority: this.#options.cacheHost as string, target };
  }

  #atCdn(url: URL): { authority: string; target: string } {
    return { authority: url.host, target: `${url.pathname}${url.search}` };
  }

  #portFor(to: 'cache' | 'cdn', authority: string): number | undefined {
    if (to === 'cache') return Number(authority.split(':')[1] ?? 80);
    const url = new URL(`http://${authority}`);
    return /^[\d.]+$/.test(url.hostname) ? Number(url.port || 80) : this.#options.portOf(url.hostname);
  }

  /** 3.8 c: names are looked up in this very case; what is not found counts as 0. */
  #noteTotal(status: number, header: (name: string) => string | undefined): void {
    if (status === 206) {
      const total = /\/(\d+)$/.exec(header('Content-Range') ?? '')?.[1];
      if (total !== undefined) this.#bytesTotal = Number(total);
    } else if (status === 200 && this.#received === 0) {
      this.#bytesTotal = Number(header('Content-Length') ?? 0);
    }
  }

  /** 3.8 b: the body is appended, whatever the status says about where it belongs. */
  #take(piece: Buffer, status: number): void {
    if (status !== 200 && status !== 206) return;
    this.#pieces.push(piece);
    this.#received += piece.length;
    this.#progressAtMs = this.#client.clock.nowMs;
  }

  /** The table of 3.6. */
  #afterCache({ end, status }: DoExchange): Turn {
    const host = this.#url.hostname;
    const delaySecs = this.#options.fallbackDelaySecs ?? 0;
    if (end === 'whole') {
      // 204 counts as success with an empty file.
      if (status >= 200 && status < 300) return { kind: 'done' };
      if (status >= 400 && status < 500) {
        if (delaySecs === -1) return { kind: 'final', error: HTTP_400 + status - 400 };
        this.#client.ban(host);
        return this.#fallBack();
      }
    } else if (end === 'refused' || end === 'timeout') {
      this.#client.ban('');
      return this.#fallBack();
    }
    if (delaySecs === -1) return { kind: 'ladder' };
    if (delaySecs > 0) {
      if (this.#client.clock.nowMs - this.#startMs + this.#ladderMs > delaySecs * 1000) this.#isAtCdn = true;
      return { kind: 'ladder' };
    }
    // Back at the cache after a CDN that failed it stays there and climbs the ladder.
    return this.#hasFallenBack ? { kind: 'ladder' } : this.#fallBack();
  }

  #fallBack(): Turn {
    this.#isAtCdn = true;
    this.#hasFallenBack = true;
    return { kind: 'again' };
  }

  #afterCdn({ end, status }: DoExchange): Turn {
    if (end === 'whole' && status >= 200 && status < 300) return { kind: 'done' };
    if (end === 'whole' && status >= 400 && status < 500) return { kind: 'final', error: HTTP_400 + status - 400 };
    this.#fruitlessCdnTries += 1;
    if (this.#fruitlessCdnTries >= FRUITLESS_CDN_TRIES) {
      this.#isAtCdn = false;
      this.#fruitlessCdnTries = 0;
    }
    return { kind: 'ladder' };
  }
}

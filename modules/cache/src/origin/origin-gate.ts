// The way to the origins: a limit and a breaker for each, one retry for a connection that was already dead, the parent first and past it
// when it is out, redirects as far as the allow list goes. Knows nothing of objects.

import { EdgeError, type Logger } from '@wayside/kit';
import { Histogram } from '../operate/histogram.ts';
import { TTFB_BOUNDS_MS } from '../operate/traffic-counters.ts';
import { admit, type BreakerState, CLOSED, outcomeOfStatus, settle } from './circuit-breaker.ts';
import { GatedResponse, type OpenResponse } from './gated-response.ts';
import type { OriginClient, OriginRequest } from './origin-client.ts';
import { type Origin, upstreamTarget } from './origins.ts';
import { REDIRECTS_MAX, redirectStep } from './redirect.ts';

export type { BodyReceiver, OpenResponse } from './gated-response.ts';

/** Reasons that mean a kept connection had been closed by the other side. */
const DEAD_CONNECTION = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];
/** Origins remembered; those at rest are forgotten first. */
const LINES_MAX = 10_000;

/** What is known of the way to one origin. */
interface OriginLine {
  running: number;
  breaker: BreakerState;
}

export interface OriginGateDeps {
  client: Pick<OriginClient, 'start'>;
  /** The allow list, for redirects. */
  resolve: (host: string) => Origin | undefined;
  logger: Logger;
  nowMs: () => number;
}

export class OriginGate {
  readonly #deps: OriginGateDeps;
  readonly #lines = new Map<string, OriginLine>();
  /** Body bytes received from origins. */
  ingressBytes = 0;
  requests = 0;
  failures = 0;
  /** Requests that a breaker or a full line refused. */
  refusals = 0;
  /** Requests that went past a parent that is out. */
  detours = 0;
  redirects = 0;
  /** From asking an origin to the head of its answer. */
  readonly ttfb = new Histogram(TTFB_BOUNDS_MS);

  constructor(deps: OriginGateDeps) {
    this.#deps = deps;
  }

  get transfers(): number {
    let sum = 0;
    for (const { running } of this.#lines.values()) sum += running;
    return sum;
  }

  /** The way to each origin: transfers under way and its breaker. */
  get lines(): { base: string; running: number; breaker: BreakerState['kind'] }[] {
    return [...this.#lines].map(([base, { running, breaker }]) => ({ base, running, breaker: breaker.kind }));
  }

  /** Origins that are left alone at the moment. */
  get origins(): { total: number; out: number } {
    let out = 0;
    for (const { breaker } of this.#lines.values()) if (breaker.kind !== 'closed') out += 1;
    return { total: this.#lines.size, out };
  }

  /**
   * Resolves with the head of the final response. Rejects with CACHE_ORIGIN_* when there is none.
   * @param request target as the origin itself is to see it; what a parent needs besides is added here
   */
  async open(request: OriginRequest): Promise<OpenResponse> {
    let step = { origin: request.origin, target: request.target };
    for (let hops = 0; ; hops += 1) {
      const response = await this.#openByRoute({ ...request, ...step });
      // A plain reverse proxy hands redirects on: they are part of what its origin says.
      const next =
        hops < REDIRECTS_MAX && step.origin.semantics === 'content' && isSafe(request.method)
          ? redirectStep(response.head.status, response.head.headers.location, step, this.#deps.resolve)
          : undefined;
      if (next === undefined) return response;
      response.abort();
      this.redirects += 1;
      step = next;
    }
  }

  /** By the parent when there is one; past it when it does not answer or says that it cannot. */
  async #openByRoute(request: OriginRequest): Promise<OpenResponse> {
    const { origin, target } = request;
    const { direct } = origin;
    if (direct === null) return this.#openLine(request);
    // A request that changes something or has a body goes one way only: the parent may have passed it on before it failed.
    if (!isSafe(request.method) || request.body !== undefined)
      return this.#openLine({ ...request, target: upstreamTarget(origin, target) });
    let reason: string;
    try {
      const response = await this.#openLine({ ...request, target: upstreamTarget(origin, target) });
      if (!isParentFault(response.head.status)) return response;
      reason = `it answered ${response.head.status}`;
      response.abort();
    } catch (error) {
      reason = (error as Error).message;
    }
    this.detours += 1;
    this.#deps.logger.debug('The parent is passed by', { parent: origin.base, host: origin.host, reason });
    return this.#openLine({ ...request, origin: direct });
  }

  async #openLine(request: OriginRequest): Promise<OpenResponse> {
    const { origin } = request;
    const line = this.#lineOf(origin.base);
    this.#admit(line, origin);
    line.running += 1;
    try {
      const response = await this.#openOnce(request, line).catch((error: EdgeError) => {
        const isDead = DEAD_CONNECTION.includes(String(error.details?.reason ?? ''));
        // Sent twice only where that changes nothing at the origin (RFC 9110 9.2.2) and nothing of the request is used up.
        if (!isDead || !isSafe(request.method) || request.body !== undefined) throw error;
        return this.#openOnce(request, line);
      });
      this.#settle(line, origin, outcomeOfStatus(response.head.status));
      this.ttfb.observe(Math.max(0, response.responseAtMs - response.requestAtMs));
      return response;
    } catch (error) {
      this.failures += 1;
      line.running -= 1;
      this.#settle(line, origin, isOfOrigin(error, origin) ? 'none' : 'answer');
      throw error;
    }
  }

  #lineOf(base: string): OriginLine {
    let line = this.#lines.get(base);
    if (line === undefined) {
      if (this.#lines.size >= LINES_MAX) this.#forgetIdle();
      line = { running: 0, breaker: CLOSED };
      this.#lines.set(base, line);
    }
    return line;
  }

  #forgetIdle(): void {
    for (const [base, { running, breaker }] of this.#lines) {
      if (running === 0 && breaker.kind === 'closed') this.#lines.delete(base);
    }
  }

  /** Throws when the origin is full or left alone: at once, because a queue would cost clients 20 s (connected-cache R3). */
  #admit(line: OriginLine, { host, base, transfersMax }: Origin): void {
    if (line.running >= transfersMax) {
      this.refusals += 1;
      throw new EdgeError(
        'CACHE_ORIGIN_BUSY',
        `Cannot fetch from "${host}": ${line.running} transfers run, wanted fewer than ${transfersMax}`,
        { source: 'internal', retry: 'backoff', details: { host, running: line.running, transfersMax } },
      );
    }
    const breaker = admit(line.breaker, this.#deps.nowMs());
    if (breaker === undefined) {
      this.refusals += 1;
      throw new EdgeError('CACHE_ORIGIN_OUT', `Cannot fetch from "${host}": ${base} failed several times in a row`, {
        source: 'upstream',
        retry: 'backoff',
        details: { host },
      });
    }
    line.breaker = breaker;
  }

  #settle(line: OriginLine, { host, base }: Origin, outcome: Parameters<typeof settle>[1]): void {
    const before = line.breaker.kind;
    line.breaker = settle(line.breaker, outcome, this.#deps.nowMs());
    const { kind } = line.breaker;
    if (kind === 'open' && before === 'closed')
      this.#deps.logger.warn('Origin is out, it is left alone', { code: 'CACHE_ORIGIN_OUT', host, base });
    if (kind === 'closed' && before !== 'closed') this.#deps.logger.info('Origin is back', { host, base });
  }

  #openOnce(request: OriginRequest, line: OriginLine): Promise<OpenResponse> {
    this.requests += 1;
    return new Promise((resolve, reject) => {
      const response = new GatedResponse({
        onHead: resolve,
        onNoHead: reject,
        onBytes: (count) => {
          this.ingressBytes += count;
        },
        onOver: () => {
          line.running -= 1;
        },
      });
      this.#deps.client.start(request, response);
    });
  }
}

const isSafe = (method: string) => method === 'GET' || method === 'HEAD';

/**
 * Whether a failure says that the origin is out. A refused address is our own rule and costs nobody time; a body that broke off is its
 * client's fault; and where one origin stands for a whole site, a connection that it took and then closed says something of one request only.
 */
function isOfOrigin(error: unknown, { semantics }: Origin): boolean {
  if (!(error instanceof EdgeError)) return true;
  if (error.code === 'CACHE_ORIGIN_ADDRESS_REFUSED' || error.source === 'downstream') return false;
  return semantics === 'content' || !DEAD_CONNECTION.includes(String(error.details?.reason ?? ''));
}

/** The parent refuses the host, sees a circle, or cannot get it: what the CDN itself says counts then. */
function isParentFault(status: number): boolean {
  return status === 403 || status >= 500;
}

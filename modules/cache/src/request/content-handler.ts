// One client request from its head to its last byte: who may ask, what is asked, where the bytes are.
// A hit runs through without a promise; everything else goes by way of Openings.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeError, isEdgeError, type Logger } from '@wayside/kit';
import type { EgressBudget } from '../deliver/egress-budget.ts';
import type { Fills } from '../fill/fills.ts';
import type { Opening, Openings } from '../fill/openings.ts';
import { isFresh, mayServeWhileRevalidating } from '../freshness/freshness.ts';
import type { TrafficCounters } from '../operate/traffic-counters.ts';
import type { Origin, OriginTable } from '../origin/origins.ts';
import type { CacheObject } from '../store/cache-object.ts';
import { keptHeaders } from '../store/object-meta.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { AccessLog } from './access-log.ts';
import { Admissions, type Refusal } from './admission.ts';
import { lastRangeHeader, parseRange, type RangeSpec, resolveRanges } from './byte-range.ts';
import type { ClientRequest } from './client-request.ts';
import { TARGET_BYTES_MAX } from './content-request.ts';
import { statusForClient, statusOfError } from './failure-status.ts';
import { ObjectDelivery } from './object-delivery.ts';
import type { OriginRelay } from './origin-relay.ts';
import { type CacheResult, passedHeaders } from './response-head.ts';

/** Requests in work at a time; more get 503 at once (connected-cache R3). */
const ACTIVE_REQUESTS_MAX = 20_000;

/** Openings shared with clients whose ranges lie behind the end, after which a client is served straight from the origin. */
const SHARED_REFUSALS_MAX = 3;

export interface ContentHandlerDeps {
  origins: OriginTable;
  store: ObjectStore;
  openings: Openings;
  fills: Fills;
  relay: OriginRelay;
  counters: TrafficCounters;
  budget: EgressBudget;
  accessLog: AccessLog;
  logger: Logger;
  /** Our own mark in Via: a request that carries it has come round in a circle. */
  loopMark: string;
  now: () => number;
}

export class ContentHandler {
  readonly #deps: ContentHandlerDeps;
  readonly #delivery: ObjectDelivery;
  readonly #admissions: Admissions;
  isDraining = false;

  constructor(deps: ContentHandlerDeps) {
    this.#deps = deps;
    this.#delivery = new ObjectDelivery(deps);
    this.#admissions = new Admissions(deps.origins);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { counters, accessLog } = this.#deps;
    counters.requests += 1;
    counters.activeRequests += 1;
    const entry = accessLog.isOn ? accessLog.begin(request) : null;
    response.once('close', () => {
      counters.activeRequests -= 1;
      if (response.statusCode >= 500) counters.errors5xx += 1;
      if (entry !== null) accessLog.end(entry, response);
    });
    try {
      this.#admit(request, response);
    } catch (error) {
      this.#deps.logger.error('Request failed', { error });
      this.#refuse(response, 500);
    }
  };

  #admit(request: IncomingMessage, response: ServerResponse): void {
    const { counters } = this.#deps;
    if (this.isDraining) {
      this.#refuse(response, 503, ['Connection', 'close']);
      return;
    }
    if (counters.activeRequests > ACTIVE_REQUESTS_MAX) {
      this.#refuse(response, 503);
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      this.#refuse(response, 405, ['Allow', 'GET, HEAD']);
      return;
    }
    const url = request.url ?? '';
    if (url.length > TARGET_BYTES_MAX) {
      this.#refuse(response, 414);
      return;
    }
    // RFC 9110 15.6.6: node:http also hands over HTTP/0.9 and 2.0 request lines. RFC 9112 3.2: more than one Host.
    if (!request.httpVersion.startsWith('1.')) {
      this.#refuse(response, 505, ['Connection', 'close']);
      return;
    }
    if (request.rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host').length > 1) {
      this.#refuse(response, 400);
      return;
    }
    const admitted = this.#admissions.admit(url, request.headers.host);
    if ('refused' in admitted) {
      this.#refuseAdmission(response, admitted);
      return;
    }
    if (request.headers.via?.includes(this.#deps.loopMark)) {
      this.#refuse(response, 508);
      return;
    }
    const ranges = parseRange(lastRangeHeader(request.rawHeaders));
    const { origin, key, target } = admitted;
    this.#serve({ request, response, origin, key, target, ranges });
  }

  #refuseAdmission(response: ServerResponse, refusal: Refusal): void {
    if (refusal.refused === 'target') {
      this.#refuse(response, 400);
      return;
    }
    this.#deps.counters.refused += 1;
    this.#deps.logger.debug('Host refused', { code: 'CACHE_ORIGIN_REFUSED', host: refusal.host });
    this.#refuse(response, 403);
  }

  #serve(client: ClientRequest): void {
    const { store } = this.#deps;
    // RFC 9111 3.5: what is made for one user's credentials is not for others.
    if (client.request.headers.authorization !== undefined) {
      this.#relay(client);
      return;
    }
    const live = store.peek(client.key);
    if (live !== undefined && live.fd >= 0 && this.#isFresh(live, client.origin)) {
      this.#delivery.deliver(client, live, null);
      return;
    }
    void this.#serveSlowly(client).catch((error) => this.#fail(client, error));
  }

  async #serveSlowly(client: ClientRequest): Promise<void> {
    const { store, openings } = this.#deps;
    const { origin, key, target } = client;
    let stored = store.find(key);
    if (stored !== undefined && !(await store.ensureOpen(stored))) stored = undefined;
    if (stored !== undefined && !stored.isObsolete) {
      if (this.#isFresh(stored, origin)) return this.#delivery.deliver(client, stored, null);
      if (mayServeWhileRevalidating(stored.freshness(origin.ttlSecs), this.#deps.now())) {
        openings.open({ key, origin, target, range: client.ranges?.[0], stale: stored }).catch(() => {});
        return this.#delivery.deliver(client, stored, 'STALE');
      }
    }
    if (client.request.method === 'HEAD' && stored === undefined) return this.#relay(client);
    const wish = { key, origin, target, range: client.ranges?.[0], stale: stored };
    let opening = await openings.open(wish);
    // It may be the answer to another client's range that lies behind the end; ours is asked for anew.
    for (let tries = 1; tries < SHARED_REFUSALS_MAX && isOthersRefusal(opening, client.ranges); tries += 1)
      opening = await openings.open(wish);
    // The whole cannot be unsatisfiable.
    if (isOthersRefusal(opening, client.ranges)) opening = { kind: 'bypass' };
    await this.#useOpening(client, opening);
  }

  async #useOpening(client: ClientRequest, opening: Opening): Promise<void> {
    if (client.response.destroyed) return;
    switch (opening.kind) {
      case 'bypass':
        return this.#relay(client);
      case 'unsatisfiable':
        return this.#delivery.refuseRange(client, opening.sizeBytes);
      case 'answer':
        return this.#passAnswer(client, opening);
      case 'object': {
        const { object, how } = opening;
        if (!(await this.#deps.store.ensureOpen(object)) || client.response.destroyed)
          throw new Error('stored file is gone');
        this.#delivery.deliver(client, object, how === 'stale' ? 'STALE' : how === 'new' ? 'MISS' : null);
      }
    }
  }

  #isFresh(object: CacheObject, origin: Origin): boolean {
    return isFresh(object.freshness(origin.ttlSecs), this.#deps.now());
  }

  #relay(client: ClientRequest): void {
    this.#deps.counters.addResult(client.origin, 'BYPASS');
    void this.#deps.relay.relay(client).catch((error) => this.#fail(client, error));
  }

  /** An origin's refusal or redirect, for everyone who waited for it. */
  #passAnswer({ request, response, origin }: ClientRequest, answer: Extract<Opening, { kind: 'answer' }>): void {
    this.#deps.counters.addResult(origin, 'MISS');
    const status = statusForClient(answer.status, request.headers['user-agent'], origin.maskOrigin4xx);
    const result: CacheResult = 'MISS';
    if (status !== answer.status) {
      this.#refuse(response, status, ['X-Origin-Status', String(answer.status), 'X-Cache', result]);
      return;
    }
    const head = passedHeaders(keptHeaders(answer.headers));
    response.writeHead(status, [...head, 'Content-Length', String(answer.body.length), 'X-Cache', result]);
    response.end(request.method === 'HEAD' ? undefined : answer.body);
    if (request.method !== 'HEAD') this.#deps.counters.addBytes(origin, 0, answer.body.length);
  }

  #fail({ response, key, origin }: ClientRequest, error: unknown): void {
    const status = statusOfError(error);
    if (status === 403) this.#deps.counters.refused += 1;
    const fields = {
      key,
      origin: origin.host,
      code: isEdgeError(error) ? error.code : undefined,
      reason: describeError(error),
    };
    this.#deps.logger.warn('Request cannot be served', fields);
    // After the head only a cut connection tells the client that the body is not whole.
    if (response.headersSent) response.destroy();
    else this.#refuse(response, status);
  }

  #refuse(response: ServerResponse, status: number, headers: readonly string[] = []): void {
    if (response.destroyed || response.headersSent) return;
    response.writeHead(status, [...headers, 'Content-Length', '0']);
    response.end();
  }
}

/** A 416 that the ranges of this client do not deserve. */
function isOthersRefusal(opening: Opening, ranges: readonly RangeSpec[] | undefined): boolean {
  if (opening.kind !== 'unsatisfiable') return false;
  return ranges === undefined || resolveRanges(ranges, opening.sizeBytes).length > 0;
}

// One client request from its head to its last byte: who may ask, what is asked, where the bytes are.
// A hit runs through without a promise; everything else goes by way of Openings.

import { describeError, isEdgeError, type Logger } from '@wayside/kit';
import { isFresh } from '../freshness/freshness.ts';
import type { RequestHead, ResponseChannel } from '../listen/exchange.ts';
import type { TrafficCounters } from '../operate/traffic-counters.ts';
import type { Origin, OriginTable } from '../origin/origins.ts';
import type { ObjectView } from '../store/object-view.ts';
import type { RequestLookup } from '../variants/vary.ts';
import type { AccessLog } from './access-log.ts';
import { Admissions, type Refusal } from './admission.ts';
import { lastRangeHeader, parseRange } from './byte-range.ts';
import type { ClientRequest } from './client-request.ts';
import { TARGET_BYTES_MAX } from './content-request.ts';
import { statusOfError } from './failure-status.ts';
import { hasSeveralHosts } from './forwarded-fields.ts';
import { isSelected, lookupOf } from './miss-path.ts';
import type { ObjectDelivery } from './object-delivery.ts';
import { refuse } from './refusal.ts';

/** Requests in work at a time, on all threads; more get 503 at once (connected-cache R3). */
export const ACTIVE_REQUESTS_MAX = 20_000;

/** What is there at once, without asking anybody: the engine's objects, or a delivery thread's replicas of them. */
export interface ObjectsAtHand {
  peek(key: string): ObjectView | undefined;
  /** The variant of a resource that a request selects (RFC 9111 4.1). */
  peekVariant(mark: ObjectView, request: RequestLookup): ObjectView | undefined;
}

/** Answers what is no plain hit: on the engine's thread directly, on a delivery thread by way of the engine. Rejects with what went wrong. */
export interface SlowPath {
  serve(client: ClientRequest): Promise<void>;
  /** A method other than GET and HEAD. */
  change(client: ClientRequest): Promise<void>;
}

export interface ContentHandlerDeps {
  origins: OriginTable;
  objects: ObjectsAtHand;
  delivery: ObjectDelivery;
  slow: SlowPath;
  counters: TrafficCounters;
  accessLog: AccessLog;
  logger: Logger;
  /** This thread's share of ACTIVE_REQUESTS_MAX. */
  activeRequestsMax: number;
  /** Our own mark in Via: a request that carries it has come round in a circle. */
  loopMark: string;
  now: () => number;
}

export class ContentHandler {
  readonly #deps: ContentHandlerDeps;
  readonly #admissions: Admissions;
  isDraining = false;

  constructor(deps: ContentHandlerDeps) {
    this.#deps = deps;
    this.#admissions = new Admissions(deps.origins);
  }

  readonly handle = (request: RequestHead, response: ResponseChannel): void => {
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

  #admit(request: RequestHead, response: ResponseChannel): void {
    const { counters } = this.#deps;
    if (this.isDraining) {
      this.#refuse(response, 503, ['Connection', 'close']);
      return;
    }
    if (counters.activeRequests > this.#deps.activeRequestsMax) {
      this.#refuse(response, 503);
      return;
    }
    const url = request.url ?? '';
    if (url.length > TARGET_BYTES_MAX) {
      this.#refuse(response, 414);
      return;
    }
    // RFC 9110 15.6.6: node:http also hands over HTTP/0.9 and 2.0 request lines.
    if (!request.httpVersion.startsWith('1.')) {
      this.#refuse(response, 505, ['Connection', 'close']);
      return;
    }
    if (hasSeveralHosts(request.rawHeaders)) {
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
    const client = { request, response, origin, key, target, ranges, startedAtMs: performance.now() };
    if (request.method === 'GET' || request.method === 'HEAD') this.#serve(client);
    else this.#change(client);
  }

  #refuseAdmission(response: ResponseChannel, refusal: Refusal): void {
    if (refusal.refused === 'target') {
      this.#refuse(response, 400);
      return;
    }
    this.#deps.counters.refused += 1;
    this.#deps.logger.debug('Host refused', { code: 'CACHE_ORIGIN_REFUSED', host: refusal.host });
    this.#refuse(response, 403);
  }

  #serve(client: ClientRequest): void {
    const { objects, delivery, slow } = this.#deps;
    const { request, origin } = client;
    if (!asksMore(request.headers, origin)) {
      let live = objects.peek(client.key);
      if (live?.meta.variants !== undefined) live = objects.peekVariant(live, lookupOf(request.headers));
      if (live?.isOpen && isSelected(live, client) && this.#isFresh(live, origin)) {
        delivery.deliver(client, live, null);
        return;
      }
    }
    slow.serve(client).catch((error) => this.#fail(client, error));
  }

  /** Methods that may change something go to the origin, where it is allowed; the others end here (RFC 9110 9.3.6, 9.3.8). */
  #change(client: ClientRequest): void {
    const { method = '', headers } = client.request;
    if (method === 'OPTIONS' && headers['max-forwards'] === '0') {
      // RFC 9110 7.6.2: it was meant for whoever is here.
      this.#refuse(client.response, 200, ['Allow', 'GET, HEAD, OPTIONS']);
      return;
    }
    if (!client.origin.allowUnsafeMethods || method === 'CONNECT' || method === 'TRACE') {
      this.#refuse(client.response, 405, ['Allow', 'GET, HEAD']);
      return;
    }
    this.#deps.slow.change(client).catch((error) => this.#fail(client, error));
  }

  #isFresh(object: ObjectView, origin: Origin): boolean {
    return isFresh(object.freshness(origin.ttlSecs), this.#deps.now());
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

  #refuse(response: ResponseChannel, status: number, headers: readonly string[] = []): void {
    refuse(response, status, headers);
  }
}

/** The client wants more than any fresh copy, or its conditions are the origin's to judge. */
function asksMore(headers: RequestHead['headers'], origin: Origin): boolean {
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return true;
  return origin.honourClientCacheControl && (headers['cache-control'] !== undefined || headers.pragma !== undefined);
}

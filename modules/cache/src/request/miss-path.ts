// Requests that the fast way of a hit cannot answer: not stored, not fresh, a variant, or a client that asks for more than what is there.
// Decides what the store may answer, what the origin is asked, and in whose name.

import type { Opening, OpeningRequest } from '../fill/opening.ts';
import type { Openings } from '../fill/openings.ts';
import { type ClientControl, parseClientControl, satisfies } from '../freshness/client-control.ts';
import { explicitLifetimeSecs, mayServeOnError, mayServeWhileRevalidating } from '../freshness/freshness.ts';
import { responseControl } from '../freshness/response-control.ts';
import type { Overload, TrafficCounters } from '../operate/traffic-counters.ts';
import type { OpenResponse } from '../origin/origin-gate.ts';
import type { CacheObject } from '../store/cache-object.ts';
import { keptHeaders } from '../store/object-meta.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { ObjectView } from '../store/object-view.ts';
import type { VariantIndex } from '../variants/variant-index.ts';
import { type RangeSpec, resolveRanges } from './byte-range.ts';
import type { ClientRequest } from './client-request.ts';
import { statusForClient } from './failure-status.ts';
import { forwardedFields } from './forwarded-fields.ts';
import { sameHostTarget } from './invalidation.ts';
import type { ObjectDelivery } from './object-delivery.ts';
import { interimListener, type OriginRelay } from './origin-relay.ts';
import { refuse } from './refusal.ts';
import { passedHeaders, passedMarks } from './response-head.ts';

/** Openings shared with clients whose ranges lie behind the end, after which a client is served straight from the origin. */
const SHARED_REFUSALS_MAX = 3;

/** Waits for others' openings, after which a client asks for itself: what it wants is not what is stored. */
const JOINS_MAX = 2;

export interface MissPathDeps {
  store: ObjectStore;
  variants: VariantIndex;
  openings: Openings;
  relay: OriginRelay;
  delivery: ObjectDelivery;
  counters: TrafficCounters;
  /** Why no origin may be asked at the moment, null when it may. Absent: it always may. */
  misses?: { refusedBy(): Overload | null } | undefined;
  now: () => number;
}

export class MissPath {
  readonly #deps: MissPathDeps;

  constructor(deps: MissPathDeps) {
    this.#deps = deps;
  }

  /** @param joins how often it has waited for somebody else's opening */
  async serve(client: ClientRequest, joins = 0): Promise<void> {
    const { request, origin } = client;
    const { headers } = request;
    const control = origin.honourClientCacheControl
      ? parseClientControl(headers['cache-control'], headers.pragma)
      : undefined;
    // If-Match and If-Unmodified-Since are the origin's to judge (RFC 9111 4.3.2).
    if (control?.isNoStore || headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined)
      return this.#relay(client);
    const stored = await this.#find(client);
    if (stored !== undefined && this.#answerFromStore(client, stored, control)) return;
    if (control?.isOnlyIfCached) return refuse(client.response, 504, passedMarks('MISS'));
    const refusedBy = this.#deps.misses?.refusedBy() ?? null;
    if (refusedBy !== null) {
      this.#deps.counters.overloads[refusedBy] += 1;
      return refuse(client.response, 503);
    }
    const isHttp = origin.semantics === 'http';
    if (!isHttp && headers.authorization !== undefined) return this.#relay(client);
    if (request.method === 'HEAD' && (isHttp || stored === undefined)) return this.#head(client, stored);
    const opening = await this.#open(this.#wishOf(client, stored), client, joins >= JOINS_MAX);
    if (opening.kind === 'joined') return this.serve(client, joins + 1);
    await this.#use(client, opening);
  }

  /** A method that may change something. Its answer is kept only as RFC 9110 9.3.3 lets it be. */
  async change(client: ClientRequest): Promise<void> {
    const { openings, relay, counters } = this.#deps;
    const response = await relay.change(client);
    if (!isKeptPost(client, response)) {
      counters.results.BYPASS += 1;
      return relay.pass(client, response, 'BYPASS');
    }
    await this.#use(client, await openings.keep(this.#wishOf(client, undefined), response));
  }

  async #find(client: ClientRequest): Promise<CacheObject | undefined> {
    const { store, variants } = this.#deps;
    const { key, request } = client;
    let stored = store.find(key);
    if (stored?.meta.variants !== undefined) stored = variants.find(stored, lookupOf(request.headers));
    if (stored === undefined || !isSelected(stored, client)) return undefined;
    if (!(await store.ensureOpen(stored)) || stored.isObsolete) return undefined;
    return stored;
  }

  /** Returns false when the origin has to be asked first. */
  #answerFromStore(client: ClientRequest, stored: CacheObject, control: ClientControl | undefined): boolean {
    const { origin } = client;
    const freshness = stored.freshness(origin.ttlSecs);
    const nowMs = this.#deps.now();
    if (satisfies(control, freshness, nowMs)) {
      this.#deps.delivery.deliver(client, stored, null);
      return true;
    }
    const isPatient = control === undefined || (!control.isReload && control.maxAgeSecs === undefined);
    if (!isPatient || control?.minFreshSecs !== undefined || !mayServeWhileRevalidating(freshness, nowMs)) return false;
    this.#deps.openings.open(this.#wishOf(client, stored)).then(discard, () => {});
    this.#deps.delivery.deliver(client, stored, 'STALE');
    return true;
  }

  #wishOf(client: ClientRequest, stale: CacheObject | undefined): OpeningRequest {
    const { key, origin, target, request, ranges } = client;
    const wish: OpeningRequest = { key, origin, target, range: ranges?.[0], stale };
    if (origin.semantics === 'http') {
      const mark = this.#deps.store.peek(key);
      if (mark?.meta.variants !== undefined)
        wish.variantKey = this.#deps.variants.keyOf(mark, lookupOf(request.headers));
      wish.client = {
        fields: forwardedFields(request.rawHeaders, true),
        request: lookupOf(request.headers),
        isAuthorized: request.headers.authorization !== undefined,
        onInterim: interimListener(client),
      };
    }
    return wish;
  }

  async #open(wish: OpeningRequest, { ranges }: ClientRequest, isAlone: boolean): Promise<Opening> {
    const { openings } = this.#deps;
    if (isAlone) return openings.openAlone(wish);
    let opening = await openings.open(wish);
    // It may be the answer to another client's range that lies behind the end; ours is asked for anew.
    for (let tries = 1; tries < SHARED_REFUSALS_MAX && isOthersRefusal(opening, ranges); tries += 1)
      opening = await openings.open(wish);
    // The whole cannot be unsatisfiable.
    return isOthersRefusal(opening, ranges) ? { kind: 'bypass' } : opening;
  }

  async #use(client: ClientRequest, opening: Opening): Promise<void> {
    if (client.response.destroyed) return discard(opening);
    switch (opening.kind) {
      case 'joined':
      case 'bypass':
        return this.#relay(client);
      case 'unsatisfiable':
        return this.#deps.delivery.refuseRange(client, opening.sizeBytes);
      case 'answer':
        return this.#passAnswer(client, opening);
      case 'response':
        return this.#passOwn(client, opening);
      case 'object': {
        const { object, how } = opening;
        if (!(await this.#deps.store.ensureOpen(object)) || client.response.destroyed)
          throw new Error('stored file is gone');
        this.#deps.delivery.deliver(client, object, how === 'stale' ? 'STALE' : how === 'new' ? 'MISS' : null);
      }
    }
  }

  /** A part that was asked for in whole chunks is no answer to this client's own range. */
  async #passOwn(client: ClientRequest, opening: Extract<Opening, { kind: 'response' }>): Promise<void> {
    const { response } = opening;
    if (response.head.status === 206 && !opening.isWhole) {
      response.abort();
      return this.#relay(client);
    }
    this.#deps.counters.results.MISS += 1;
    if (response.head.status === 206) {
      const { 'content-range': _whole, ...headers } = response.head.headers;
      response.head = { status: 200, headers };
    }
    await this.#deps.relay.pass(client, response, 'MISS');
  }

  /** HEAD goes through and renews what is stored; when the origin cannot be asked, what is stored answers if it may. */
  async #head(client: ClientRequest, stored: CacheObject | undefined): Promise<void> {
    try {
      await this.#deps.relay.relay(client, stored);
      this.#deps.counters.results.BYPASS += 1;
    } catch (error) {
      const { response, origin } = client;
      const mayAnswer = stored !== undefined && !stored.isObsolete && !response.headersSent;
      if (!mayAnswer || !mayServeOnError(stored.freshness(origin.ttlSecs), this.#deps.now())) throw error;
      this.#deps.delivery.deliver(client, stored, 'STALE');
    }
  }

  #relay(client: ClientRequest): Promise<void> {
    this.#deps.counters.results.BYPASS += 1;
    return this.#deps.relay.relay(client);
  }

  /** An origin's refusal or redirect, for everyone who waited for it. */
  #passAnswer({ request, response, origin }: ClientRequest, answer: Extract<Opening, { kind: 'answer' }>): void {
    this.#deps.counters.results.MISS += 1;
    const status = statusForClient(answer.status, request.headers['user-agent'], origin);
    if (status !== answer.status) {
      refuse(response, status, ['X-Origin-Status', String(answer.status), ...passedMarks('MISS')]);
      return;
    }
    const head = passedHeaders(keptHeaders(answer.headers));
    response.writeHead(status, [...head, 'Content-Length', String(answer.body.length), ...passedMarks('MISS')]);
    response.end(request.method === 'HEAD' ? undefined : answer.body);
    if (request.method !== 'HEAD') this.#deps.counters.addBytes(origin, 0, answer.body.length);
  }
}

/** RFC 9110 9.3.3: an answer to POST is what a GET would get when it says so: Content-Location is the target, and how long it is fresh. */
function isKeptPost(
  { request, origin, target }: ClientRequest,
  { head, requestAtMs, responseAtMs }: OpenResponse,
): boolean {
  if (origin.semantics !== 'http' || request.method !== 'POST' || head.status !== 200) return false;
  const header = (name: string) => head.headers[name];
  const facts = { status: head.status, header, requestAtMs, responseAtMs };
  if ((explicitLifetimeSecs(facts, responseControl(header)) ?? 0) <= 0) return false;
  const authority = request.headers.host ?? origin.host;
  const change = { origin, method: 'POST', target, authority, status: head.status, headers: head.headers };
  return sameHostTarget(change, header('content-location')) === target;
}

/**
 * Whether a stored response may stand for what this client selects. One that was stored while its origin had the semantics `content` stands
 * under the resource's own key whatever its Vary says; for a plain reverse proxy it was never selected.
 */
export function isSelected(object: ObjectView, { origin, key }: ClientRequest): boolean {
  return origin.semantics === 'content' || object.meta.headers.vary === undefined || object.key !== key;
}

/** Fields of a request by lower-case name. */
export function lookupOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): (name: string) => string | undefined {
  return (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
}

/** A response that nobody takes gives its place back. */
function discard(opening: Opening): void {
  if (opening.kind === 'response') opening.response.abort();
}

/** A 416 that the ranges of this client do not deserve. */
function isOthersRefusal(opening: Opening, ranges: readonly RangeSpec[] | undefined): boolean {
  if (opening.kind !== 'unsatisfiable') return false;
  return ranges === undefined || resolveRanges(ranges, opening.sizeBytes).length > 0;
}

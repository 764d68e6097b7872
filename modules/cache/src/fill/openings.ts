// From a key to an object that may be served: asks the origin once for all who wait, validates what is stale, creates what is new.

import { describeError, EdgeError, type Logger } from '@wayside/kit';
import { mayServeOnError } from '../freshness/freshness.ts';
import { isStorable } from '../freshness/storable.ts';
import type { OpenResponse, OriginGate } from '../origin/origin-gate.ts';
import { sizedResponse } from '../origin/sized-response.ts';
import { spool } from '../origin/spool.ts';
import { hasPromisedLength, parseContentRange } from '../request/byte-range.ts';
import type { CacheObject } from '../store/cache-object.ts';
import { CHUNK_BYTES } from '../store/chunk-map.ts';
import { keptHeaders, type ObjectMeta, rangeValidator, refreshedHeaders } from '../store/object-meta.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { VariantIndex } from '../variants/variant-index.ts';
import { collectBody } from './answer-body.ts';
import type { Fills } from './fills.ts';
import { firstRange, wholeChunks } from './first-range.ts';
import { type AskedRequest, isHttp, JOINED, type Opening, type OpeningRequest, resourceOf } from './opening.ts';
import { NO_PURGES, type PurgeWatch } from './purge-watch.ts';
import { receiveSmall } from './small-body.ts';
import { UnstorableKeys } from './unstorable-keys.ts';

export interface OpeningDeps {
  gate: OriginGate;
  store: ObjectStore;
  fills: Fills;
  variants: VariantIndex;
  /** Default: nothing is ever purged. */
  purges?: PurgeWatch;
  logger: Logger;
  now: () => number;
}

/** What of a representation a response brings. */
interface Part {
  sizeBytes: number;
  start: number;
  end: number;
  isRanged: boolean;
}

export class Openings {
  readonly #deps: OpeningDeps;
  readonly #running = new Map<string, Promise<Opening>>();
  readonly #unstorable = new UnstorableKeys();
  readonly #spoiled = new Set<string>();

  readonly #purges: PurgeWatch;

  constructor(deps: OpeningDeps) {
    this.#deps = deps;
    this.#purges = deps.purges ?? NO_PURGES;
  }

  /** One opening a key at a time; whoever comes meanwhile gets the same result. Rejects with CACHE_ORIGIN_*. */
  open(request: OpeningRequest): Promise<Opening> {
    const { key: resource, variantKey: key = resource } = request;
    const isUnstorable = this.#unstorable.has(resource, this.#deps.now());
    if (request.client !== undefined && (isUnstorable || request.client.isAuthorized)) return this.openAlone(request);
    const running = this.#running.get(key);
    if (running !== undefined) return request.client === undefined ? running : running.then(() => JOINED);
    if (isUnstorable) return Promise.resolve({ kind: 'bypass' });
    const opening = this.#open(request).finally(() => {
      if (this.#running.get(key) !== opening) return;
      this.#running.delete(key);
      this.#spoiled.delete(key);
    });
    this.#running.set(key, opening);
    return opening;
  }

  /** An opening that nobody waits for but the one who asks. What may be stored is stored. */
  openAlone(request: OpeningRequest): Promise<Opening> {
    return this.#open(request);
  }

  /** Keeps a response that came by another way than an opening, if it may be kept; whoever got it goes on with the result. */
  async keep(request: OpeningRequest, response: OpenResponse): Promise<Opening> {
    try {
      return await this.#takeWhole({ ...request, since: this.#purges.sequence }, response, true);
    } catch (error) {
      response.abort();
      throw error;
    }
  }

  /** What is being fetched now was changed by an unsafe method (RFC 9111 4.4): it is asked for once more. */
  spoil(key: string): void {
    for (const running of this.#running.keys()) if (resourceOf(running) === key) this.#spoiled.add(running);
  }

  /** Nobody joins these openings any more: what they bring was asked for before a purge. */
  detach(matches: (key: string) => boolean): void {
    for (const key of [...this.#running.keys()]) if (matches(key)) this.#running.delete(key);
  }

  async #open(request: OpeningRequest): Promise<Opening> {
    try {
      return await this.#ask(request, firstRange(request.range));
    } catch (error) {
      const fallback = this.#staleInstead(request, error);
      if (fallback !== undefined) return fallback;
      throw error;
    }
  }

  /** @param range value of Range, null for a plain request */
  async #ask(given: OpeningRequest & { isRetry?: boolean }, range: string | null): Promise<Opening> {
    const request = { ...given, since: this.#purges.sequence };
    const { origin, stale } = request;
    const headers: string[] = [];
    if (range !== null) headers.push('Range', range);
    if (stale !== undefined) {
      const { etag, lastModified } = stale.validators;
      if (etag !== null) headers.push('If-None-Match', etag);
      else if (lastModified !== null) headers.push('If-Modified-Since', lastModified);
    }
    const response = await this.#deps.gate.open({
      origin,
      method: 'GET',
      target: request.target,
      headers,
      client: request.client?.fields,
      onInterim: request.client?.onInterim,
    });
    try {
      return await this.#take(request, response, range);
    } catch (error) {
      response.abort();
      throw error;
    }
  }

  async #take(request: AskedRequest, response: OpenResponse, range: string | null): Promise<Opening> {
    const { status } = response.head;
    if (status === 304 && request.stale !== undefined) return this.#revalidated(request, request.stale, response);
    if (status === 200) return this.#takeWhole(request, response, range !== null);
    if (status === 206 && range !== null) return this.#takePart(request, response, range);
    if (status === 416 && range !== null) return this.#takeUnsatisfied(request, response);
    // The origin has its own idea of a range: the client's own gets it, unstored.
    if (status === 206 && request.range !== undefined) {
      response.abort();
      return { kind: 'bypass' };
    }
    if (status === 206 || status === 304 || (!isHttp(request) && (status === 204 || status === 205))) {
      throw invalid(request, `origin answered ${status}`);
    }
    if (status >= 500) {
      const fallback = this.#staleInstead(
        request,
        new EdgeError('CACHE_ORIGIN_UNREACHABLE', `origin answered ${status}`),
      );
      if (fallback !== undefined) {
        response.abort();
        return fallback;
      }
    }
    // A redirect, a refusal, an error: kept where it says how long it is good for.
    if (this.#isStorable(request, response)) return this.#takeWhole(request, response, false);
    const isGone = status === 404 || status === 410;
    if (isGone && request.stale !== undefined) await this.#deps.store.drop(request.stale);
    if (isHttp(request)) return { kind: 'response', response, isWhole: true };
    return { kind: 'answer', status, headers: response.head.headers, body: await collectBody(response) };
  }

  #staleInstead({ stale, origin, key }: OpeningRequest, error: unknown): Opening | undefined {
    if (stale === undefined || stale.isObsolete) return undefined;
    if (!mayServeOnError(stale.freshness(origin.ttlSecs), this.#deps.now())) return undefined;
    this.#deps.logger.debug('Stale content is served', { key, reason: describeError(error) });
    return { kind: 'object', object: stale, how: 'stale' };
  }

  async #revalidated(request: AskedRequest, stale: CacheObject, response: OpenResponse): Promise<Opening> {
    // Replaced, evicted or purged meanwhile: there is nothing left that the answer could renew.
    if (stale.isObsolete || this.#purges.isOutdated(stale.key, stale.meta.headers, request.since)) {
      response.abort();
      return this.#ask({ ...request, stale: undefined }, firstRange(request.range));
    }
    response.attach({ onData() {}, onEnd() {}, onError() {} });
    stale.setMeta({
      ...stale.meta,
      headers: refreshedHeaders(stale.meta.headers, response.head.headers, request.origin.semantics),
      requestAtMs: response.requestAtMs,
      responseAtMs: response.responseAtMs,
    });
    return { kind: 'object', object: stale, how: 'revalidated' };
  }

  async #takeWhole(request: AskedRequest, response: OpenResponse, isWhole: boolean): Promise<Opening> {
    if (!this.#mayStore(request, response)) return this.#unstored(request, response, isWhole);
    if (response.head.status === 204)
      return this.#create(request, response, { sizeBytes: 0, start: 0, end: 0, isRanged: false });
    let whole = response;
    if (!/^\d+$/.test(response.head.headers['content-length'] ?? '')) {
      const folder = this.#deps.store.spoolFolder();
      if (folder === undefined) return this.#unstored(request, response, true);
      const { origin, target, client } = request;
      const asked = { origin, method: 'GET', target, client: client?.fields };
      whole = (await sizedResponse(this.#deps.gate, asked, response)) ?? (await spool(response, folder));
    }
    const sizeBytes = Number(whole.head.headers['content-length']);
    return this.#create(request, whole, { sizeBytes, start: 0, end: sizeBytes, isRanged: false });
  }

  async #takePart(request: AskedRequest, response: OpenResponse, range: string): Promise<Opening> {
    const part = parseContentRange(response.head.headers['content-range']);
    if (part === undefined || !('start' in part)) throw invalid(request, 'a 206 without a readable Content-Range');
    const wantedStart = /^bytes=(\d+)-/.exec(range);
    const isAsPromised = hasPromisedLength(response.head.headers['content-length'], part.end - part.start);
    if ((wantedStart !== null && part.start !== Number(wantedStart[1])) || !isAsPromised) {
      throw invalid(request, `asked for "${range}", got "${response.head.headers['content-range']}"`);
    }
    const isWhole = part.start === 0 && part.end === part.size;
    if (!this.#mayStore(request, response)) return this.#unstored(request, response, isWhole);
    // Parts that nothing holds together cannot be joined to one object.
    if (part.size === null || (!isWhole && rangeValidator(response.head.headers) === null)) {
      response.abort();
      return this.#ask(request, null);
    }
    const { start, end, size } = part;
    const isRanged = rangeValidator(response.head.headers) !== null;
    return this.#create(request, response, { sizeBytes: size, start, end, isRanged });
  }

  async #create(request: AskedRequest, response: OpenResponse, part: Part): Promise<Opening> {
    const { sizeBytes, start, end } = part;
    const { origin } = request;
    const { head, requestAtMs, responseAtMs } = response;
    const status = head.status === 206 ? 200 : head.status;
    const meta: ObjectMeta = {
      headers: dated(keptHeaders(head.headers, origin.semantics, head.status), responseAtMs),
      requestAtMs,
      responseAtMs,
      host: origin.canonical,
      ranged: part.isRanged,
      ...(status === 200 ? {} : { status }),
    };
    const isWhole = start === 0 && end === sizeBytes;
    const key = await this.#storeKey(request, response);
    if (key === undefined || this.#isBeingFilled(key, request)) return this.#unstored(request, response, isWhole);
    const small = isWhole ? await this.#deps.store.createSmall(key, sizeBytes, meta) : undefined;
    if (small !== undefined) return this.#fillSmall(request, response, small, part);
    return this.#fill(request, response, key, part, meta);
  }

  async #fill(
    request: AskedRequest,
    response: OpenResponse,
    key: string,
    part: Part,
    meta: ObjectMeta,
  ): Promise<Opening> {
    const { sizeBytes, start, end } = part;
    const { origin, client } = request;
    const isWhole = start === 0 && end === sizeBytes;
    const object = await this.#deps.store.create(key, sizeBytes, meta);
    if (object === undefined) return this.#unstored(request, response, isWhole);
    if (this.#isOutdated(request, key, response)) {
      await this.#deps.store.drop(object);
      response.abort();
      return this.#ask({ ...request, stale: undefined }, firstRange(request.range));
    }
    if (sizeBytes === 0) {
      response.attach({ onData() {}, onEnd() {}, onError() {} });
      return { kind: 'object', object, how: 'new' };
    }
    const span = wholeChunks(start, end, sizeBytes, part.isRanged);
    const hasRoom = span.from < span.to && (await object.drive.reserve(object, span.from, span.to));
    if (!hasRoom) {
      await this.#deps.store.drop(object);
      return this.#unstored(request, response, isWhole);
    }
    const fill = this.#deps.fills.of(object, { origin, target: request.target, client: client?.fields });
    fill.adopt(response, span, span.from * CHUNK_BYTES - start);
    return { kind: 'object', object, how: 'new' };
  }

  /** A small body is kept as a whole: everyone is served from memory, and no file is made for it. */
  async #fillSmall(request: AskedRequest, response: OpenResponse, object: CacheObject, part: Part): Promise<Opening> {
    const { store, fills } = this.#deps;
    const { key, sizeBytes, meta } = object;
    const startedAtMs = performance.now();
    const retry = { ...request, stale: undefined, isRetry: true };
    const received = await receiveSmall(response).catch(async (error) => {
      fills.meters.end(startedAtMs, false);
      await store.drop(object);
      // Nobody heard anything yet, so it is asked for once more.
      if (request.isRetry) throw error;
      return null;
    });
    if (received === null) return this.#ask(retry, firstRange(request.range));
    if (received.kind === 'slow') {
      await store.drop(object);
      return this.#fill(request, received.response, key, part, meta);
    }
    const { body } = received;
    const isOutdated = this.#isOutdated(request, key, response);
    if (isOutdated || body.length !== sizeBytes) await store.drop(object);
    if (isOutdated) return this.#ask(retry, firstRange(request.range));
    if (body.length !== sizeBytes) throw invalid(request, `a body of ${body.length} bytes, said to be ${sizeBytes}`);
    fills.meters.end(startedAtMs, true);
    await store.publish(object, body);
    return { kind: 'object', object, how: 'new' };
  }

  /** A purge or an unsafe method came while it was asked for. */
  #isOutdated(request: AskedRequest, key: string, { head }: OpenResponse): boolean {
    const isSpoiled = this.#spoiled.delete(request.variantKey ?? request.key);
    return isSpoiled || this.#purges.isOutdated(key, head.headers, request.since);
  }

  /** RFC 9110 15.5.17: the size tells the client; an empty object or a silent origin is asked again without a range. */
  async #takeUnsatisfied(request: OpeningRequest, response: OpenResponse): Promise<Opening> {
    const part = parseContentRange(response.head.headers['content-range']);
    response.abort();
    const size = part !== undefined && 'unsatisfied' in part ? part.unsatisfied : null;
    if (size === null || size === 0 || request.range === undefined) return this.#ask(request, null);
    return { kind: 'unsatisfiable', sizeBytes: size };
  }

  /** Replacing what comes for others at this moment would cut them off: this answer goes to its own client only. */
  #isBeingFilled(key: string, { client, stale }: OpeningRequest): boolean {
    if (client === undefined) return false;
    const rival = this.#deps.store.peek(key);
    return rival !== undefined && rival !== stale && !rival.isObsolete && rival.work?.isActive === true;
  }

  /** Key of the object, or of the variant that this client's fields select. */
  async #storeKey(request: OpeningRequest, response: OpenResponse): Promise<string | undefined> {
    if (request.client === undefined) return request.key;
    const { head, requestAtMs, responseAtMs } = response;
    const facts = { headers: head.headers, requestAtMs, responseAtMs, host: request.origin.canonical };
    return this.#deps.variants.admit(request.key, facts, request.client.request);
  }

  #isStorable({ origin, client }: OpeningRequest, { head, requestAtMs, responseAtMs }: OpenResponse): boolean {
    return isStorable({
      status: head.status,
      header: (name) => head.headers[name],
      requestAtMs,
      responseAtMs,
      // The operator's lifetime is about content, not about redirects and refusals.
      ttlSecs: head.status === 200 || head.status === 206 ? origin.ttlSecs : undefined,
      semantics: origin.semantics,
      isAuthorized: client?.isAuthorized ?? false,
    });
  }

  #mayStore(request: OpeningRequest, response: OpenResponse): boolean {
    if (this.#isStorable(request, response)) {
      this.#unstorable.delete(request.key);
      return true;
    }
    // One user's own answer says nothing about what others get.
    if (request.client?.isAuthorized === true) return false;
    this.#unstorable.add(request.key, this.#deps.now());
    if (request.stale !== undefined) void this.#deps.store.drop(request.stale);
    return false;
  }

  #unstored(request: OpeningRequest, response: OpenResponse, isWhole: boolean): Opening {
    if (isHttp(request)) return { kind: 'response', response, isWhole };
    response.abort();
    return { kind: 'bypass' };
  }
}

/** RFC 9110 6.6.1: a response without Date gets the time it was received, before it is stored. */
function dated(headers: Record<string, string>, responseAtMs: number): Record<string, string> {
  headers.date ??= new Date(responseAtMs).toUTCString();
  return headers;
}

function invalid(request: OpeningRequest, why: string): EdgeError {
  return new EdgeError('CACHE_ORIGIN_ANSWER_INVALID', `Cannot use the answer for "${request.key}": ${why}`, {
    source: 'upstream',
  });
}

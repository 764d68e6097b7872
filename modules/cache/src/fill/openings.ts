// From a key to an object that may be served: asks the origin once for all who wait, validates what is stale, creates what is new.

import { describeError, EdgeError, type Logger } from '@wayside/kit';
import { isStorable, mayServeOnError } from '../freshness/freshness.ts';
import type { OpenResponse, OriginGate } from '../origin/origin-gate.ts';
import type { Origin } from '../origin/origins.ts';
import { spool } from '../origin/spool.ts';
import { hasPromisedLength, parseContentRange, type RangeSpec } from '../request/byte-range.ts';
import type { CacheObject } from '../store/cache-object.ts';
import { CHUNK_BYTES } from '../store/chunk-map.ts';
import { keptHeaders, type ObjectMeta, rangeValidator, refreshedHeaders } from '../store/object-meta.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Fills } from './fills.ts';
import { firstRange, wholeChunks } from './first-range.ts';

/** Body of an error page passed on to clients; longer ones are cut to nothing. */
const ANSWER_BODY_BYTES_MAX = 64 * 1024;
/** How long a response that may not be stored is remembered as such, and how many. */
const UNSTORABLE_MS = 60_000;
const UNSTORABLE_MAX = 10_000;

export interface OpeningRequest {
  key: string;
  origin: Origin;
  target: string;
  /** First range the client asked for, undefined for the whole. */
  range: RangeSpec | undefined;
  /** What is stored but not fresh any more. */
  stale: CacheObject | undefined;
}

export type Opening =
  | { kind: 'object'; object: CacheObject; how: 'new' | 'revalidated' | 'stale' }
  /** The origin's own answer, small, for everyone who waited. */
  | { kind: 'answer'; status: number; headers: Readonly<Record<string, string>>; body: Buffer }
  | { kind: 'unsatisfiable'; sizeBytes: number }
  /** May not or cannot be stored: each client is served straight from the origin. */
  | { kind: 'bypass' };

export interface OpeningDeps {
  gate: OriginGate;
  store: ObjectStore;
  fills: Fills;
  logger: Logger;
  now: () => number;
}

export class Openings {
  readonly #deps: OpeningDeps;
  readonly #running = new Map<string, Promise<Opening>>();
  readonly #unstorableUntil = new Map<string, number>();

  constructor(deps: OpeningDeps) {
    this.#deps = deps;
  }

  /** One opening a key at a time; whoever comes meanwhile gets the same result. Rejects with CACHE_ORIGIN_*. */
  open(request: OpeningRequest): Promise<Opening> {
    const { key } = request;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    if ((this.#unstorableUntil.get(key) ?? 0) > this.#deps.now()) return Promise.resolve({ kind: 'bypass' });
    const opening = this.#open(request).finally(() => this.#running.delete(key));
    this.#running.set(key, opening);
    return opening;
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
  async #ask(request: OpeningRequest, range: string | null): Promise<Opening> {
    const { origin, stale } = request;
    const headers: string[] = [];
    if (range !== null) headers.push('Range', range);
    if (stale !== undefined) {
      const { etag, lastModified } = stale.validators;
      if (etag !== null) headers.push('If-None-Match', etag);
      else if (lastModified !== null) headers.push('If-Modified-Since', lastModified);
    }
    const response = await this.#deps.gate.open({ origin, method: 'GET', target: request.target, headers });
    try {
      return await this.#take(request, response, range);
    } catch (error) {
      response.abort();
      throw error;
    }
  }

  async #take(request: OpeningRequest, response: OpenResponse, range: string | null): Promise<Opening> {
    const { status } = response.head;
    if (status === 304 && request.stale !== undefined) return this.#revalidated(request.stale, response);
    if (status === 200) return this.#takeWhole(request, response);
    if (status === 206 && range !== null) return this.#takePart(request, response, range);
    if (status === 416 && range !== null) return this.#takeUnsatisfied(request, response);
    if (status === 204 || status === 205 || status === 206 || status === 304) {
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
    const isGone = status === 404 || status === 410;
    if (isGone && request.stale !== undefined) await this.#deps.store.drop(request.stale);
    return { kind: 'answer', status, headers: response.head.headers, body: await collect(response) };
  }

  #staleInstead({ stale, origin, key }: OpeningRequest, error: unknown): Opening | undefined {
    if (stale === undefined || stale.isObsolete) return undefined;
    if (!mayServeOnError(stale.freshness(origin.ttlSecs), this.#deps.now())) return undefined;
    this.#deps.logger.debug('Stale content is served', { key, reason: describeError(error) });
    return { kind: 'object', object: stale, how: 'stale' };
  }

  #revalidated(stale: CacheObject, response: OpenResponse): Opening {
    response.attach({ onData() {}, onEnd() {}, onError() {} });
    stale.setMeta({
      ...stale.meta,
      headers: refreshedHeaders(stale.meta.headers, response.head.headers),
      requestAtMs: response.requestAtMs,
      responseAtMs: response.responseAtMs,
    });
    return { kind: 'object', object: stale, how: 'revalidated' };
  }

  async #takeWhole(request: OpeningRequest, response: OpenResponse): Promise<Opening> {
    if (!this.#mayStore(request, response)) return { kind: 'bypass' };
    let whole = response;
    if (!/^\d+$/.test(response.head.headers['content-length'] ?? '')) {
      const drive = this.#deps.store.drives.find((d) => d.isUp);
      if (drive === undefined) return this.#pass(response);
      whole = await spool(response, drive.path);
    }
    const sizeBytes = Number(whole.head.headers['content-length']);
    return this.#create(request, whole, { sizeBytes, start: 0, end: sizeBytes, isRanged: false });
  }

  async #takePart(request: OpeningRequest, response: OpenResponse, range: string): Promise<Opening> {
    const part = parseContentRange(response.head.headers['content-range']);
    if (part === undefined || !('start' in part)) throw invalid(request, 'a 206 without a readable Content-Range');
    const wantedStart = /^bytes=(\d+)-/.exec(range);
    const isAsPromised = hasPromisedLength(response.head.headers['content-length'], part.end - part.start);
    if ((wantedStart !== null && part.start !== Number(wantedStart[1])) || !isAsPromised) {
      throw invalid(request, `asked for "${range}", got "${response.head.headers['content-range']}"`);
    }
    if (!this.#mayStore(request, response)) return { kind: 'bypass' };
    const isWhole = part.start === 0 && part.end === part.size;
    // Parts that nothing holds together cannot be joined to one object.
    if (part.size === null || (!isWhole && rangeValidator(response.head.headers) === null)) {
      response.abort();
      return this.#ask(request, null);
    }
    const { start, end, size } = part;
    const isRanged = rangeValidator(response.head.headers) !== null;
    return this.#create(request, response, { sizeBytes: size, start, end, isRanged });
  }

  async #create(
    request: OpeningRequest,
    response: OpenResponse,
    part: { sizeBytes: number; start: number; end: number; isRanged: boolean },
  ): Promise<Opening> {
    const { sizeBytes, start, end } = part;
    const meta: ObjectMeta = {
      headers: keptHeaders(response.head.headers),
      requestAtMs: response.requestAtMs,
      responseAtMs: response.responseAtMs,
      host: request.origin.canonical,
      ranged: part.isRanged,
    };
    const object = await this.#deps.store.create(request.key, sizeBytes, meta);
    if (object === undefined) return this.#pass(response);
    if (sizeBytes === 0) {
      response.attach({ onData() {}, onEnd() {}, onError() {} });
      return { kind: 'object', object, how: 'new' };
    }
    const span = wholeChunks(start, end, sizeBytes);
    const hasRoom = span.from < span.to && (await object.drive.reserve(object, span.from, span.to));
    if (!hasRoom) {
      await this.#deps.store.drop(object);
      return this.#pass(response);
    }
    const fill = this.#deps.fills.of(object, { origin: request.origin, target: request.target });
    fill.adopt(response, span, span.from * CHUNK_BYTES - start);
    return { kind: 'object', object, how: 'new' };
  }

  /** RFC 9110 15.5.17: the size tells the client; an empty object or a silent origin is asked again without a range. */
  async #takeUnsatisfied(request: OpeningRequest, response: OpenResponse): Promise<Opening> {
    const part = parseContentRange(response.head.headers['content-range']);
    response.abort();
    const size = part !== undefined && 'unsatisfied' in part ? part.unsatisfied : null;
    if (size === null || size === 0 || request.range === undefined) return this.#ask(request, null);
    return { kind: 'unsatisfiable', sizeBytes: size };
  }

  #mayStore(request: OpeningRequest, response: OpenResponse): boolean {
    const { status, headers } = response.head;
    if (isStorable(status, (name) => headers[name])) return true;
    if (this.#unstorableUntil.size >= UNSTORABLE_MAX) this.#unstorableUntil.clear();
    this.#unstorableUntil.set(request.key, this.#deps.now() + UNSTORABLE_MS);
    response.abort();
    if (request.stale !== undefined) void this.#deps.store.drop(request.stale);
    return false;
  }

  #pass(response: OpenResponse): Opening {
    response.abort();
    return { kind: 'bypass' };
  }
}

function collect(response: OpenResponse): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    response.attach({
      onData(piece) {
        bytes += piece.length;
        if (bytes <= ANSWER_BODY_BYTES_MAX) pieces.push(piece);
        else {
          response.abort();
          resolve(Buffer.alloc(0));
        }
      },
      onEnd: () => resolve(Buffer.concat(pieces)),
      onError: reject,
    });
  });
}

function invalid(request: OpeningRequest, why: string): EdgeError {
  return new EdgeError('CACHE_ORIGIN_ANSWER_INVALID', `Cannot use the answer for "${request.key}": ${why}`, {
    source: 'upstream',
  });
}

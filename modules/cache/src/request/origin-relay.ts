// Requests that are neither answered from the store nor shared: passed to the origin and back, body and all.

import { EdgeError, type Logger } from '@wayside/kit';
import type { EgressBudget } from '../deliver/egress-budget.ts';
import type { Openings } from '../fill/openings.ts';
import type { TrafficCounters } from '../operate/traffic-counters.ts';
import type { InterimListener } from '../origin/origin-client.ts';
import type { OpenResponse, OriginGate } from '../origin/origin-gate.ts';
import { spool } from '../origin/spool.ts';
import type { CacheObject } from '../store/cache-object.ts';
import { refreshedHeaders, validatorsOf } from '../store/object-meta.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { VariantIndex } from '../variants/variant-index.ts';
import { lastRangeHeader } from './byte-range.ts';
import type { ClientRequest } from './client-request.ts';
import { isDoLite } from './failure-status.ts';
import { forwardedFields } from './forwarded-fields.ts';
import { invalidate, outdatedKeys } from './invalidation.ts';
import { isBodyless, passResponse } from './passed-response.ts';
import { boundedBody, hasBody } from './request-body.ts';
import type { CacheResult } from './response-head.ts';

/** From the end of a request with an unsafe method to its answer: the origin works on it. */
const CHANGE_HEAD_TIMEOUT_MS = 60_000;
/** Client headers that an unstored request takes upstream where the cache asks in its own name; never who the client is. */
const FORWARDED = [
  'authorization',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
];

export interface OriginRelayDeps {
  gate: OriginGate;
  store: ObjectStore;
  openings: Openings;
  variants: VariantIndex;
  counters: TrafficCounters;
  budget: EgressBudget;
  logger: Logger;
}

export class OriginRelay {
  readonly #deps: OriginRelayDeps;

  constructor(deps: OriginRelayDeps) {
    this.#deps = deps;
  }

  /** GET or HEAD. @param stored what a HEAD may refresh (RFC 9111 4.3.5) */
  async relay(client: ClientRequest, stored?: CacheObject): Promise<void> {
    const { request, origin, target } = client;
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
    const response = await this.#deps.gate.open({
      origin,
      method,
      target,
      ...(origin.semantics === 'http'
        ? { client: forwardedFields(request.rawHeaders, false), onInterim: interimListener(client) }
        : { headers: this.#ownFields(client) }),
    });
    if (method === 'HEAD' && stored !== undefined) await this.#refresh(stored, client, response);
    await this.pass(client, response, method === 'HEAD' ? 'MISS' : 'BYPASS');
  }

  /**
   * A method that may change something: passed on once, never repeated; what it makes outdated is dropped before the client hears of it.
   * The response must be attached or aborted.
   */
  async change(client: ClientRequest): Promise<OpenResponse> {
    const { request, origin, target } = client;
    const { method = '' } = request;
    const length = request.headers['content-length'];
    const response = await this.#deps.gate.open({
      origin,
      method,
      target,
      client: forwardedFields(request.rawHeaders, false),
      headers: length === undefined ? [] : ['Content-Length', length],
      body: hasBody(request) ? boundedBody(request) : undefined,
      headTimeoutMs: CHANGE_HEAD_TIMEOUT_MS,
      onInterim: interimListener(client),
    });
    const { status, headers } = response.head;
    const authority = request.headers.host ?? origin.host;
    const keys = outdatedKeys({ origin, method, target, authority, status, headers });
    try {
      await invalidate(keys, this.#deps);
    } catch (error) {
      response.abort();
      throw error;
    }
    return response;
  }

  /** Where length must be known before the first byte, a body without one is received whole first. */
  async pass(client: ClientRequest, opened: OpenResponse, result: CacheResult): Promise<void> {
    const { request, response: out, origin } = client;
    if (out.destroyed) return opened.abort();
    let response = opened;
    const { status, headers } = opened.head;
    const isUnsized = headers['content-length'] === undefined && !isBodyless(status, request.method);
    if (isUnsized && (origin.semantics === 'content' || isDoLite(request.headers['user-agent']))) {
      const folder = this.#deps.store.spoolFolder();
      if (folder === undefined) {
        opened.abort();
        throw new EdgeError('CACHE_STORE_FULL', 'Cannot take a body without a length: no drive is up');
      }
      response = await spool(opened, folder);
    }
    passResponse(this.#deps, client, response, result);
  }

  #ownFields({ request }: ClientRequest): string[] {
    const headers: string[] = [];
    for (const name of FORWARDED) {
      const value = request.headers[name];
      if (typeof value === 'string') headers.push(name, value);
    }
    const range = lastRangeHeader(request.rawHeaders);
    if (range !== undefined && request.method === 'GET') headers.push('Range', range);
    return headers;
  }

  /** RFC 9111 4.3.5: the same representation gets the new fields, another one makes the stored one void. */
  async #refresh(stored: CacheObject, { origin }: ClientRequest, { head, requestAtMs, responseAtMs }: OpenResponse) {
    if (head.status !== 200 || stored.isObsolete || stored.meta.status !== undefined) return;
    const fresh = validatorsOf(head.headers);
    const { etag, lastModified } = stored.validators;
    const length = head.headers['content-length'];
    const isSame =
      (fresh.etag ?? etag) === etag &&
      (fresh.lastModified ?? lastModified) === lastModified &&
      (length === undefined || Number(length) === stored.sizeBytes);
    if (!isSame) return this.#deps.store.drop(stored);
    const headers = refreshedHeaders(stored.meta.headers, head.headers, origin.semantics);
    stored.setMeta({ ...stored.meta, headers, requestAtMs, responseAtMs });
  }
}

/** Interim responses go on to the client that waits (RFC 9110 15.2), unless it is of HTTP/1.0. */
export function interimListener({ request, response }: ClientRequest): InterimListener {
  return (status, headers) => {
    if (response.headersSent || response.destroyed || request.httpVersion === '1.0') return;
    response.writeInformation?.(status, headers as string[]);
  };
}

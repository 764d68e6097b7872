// What an opening is asked and what comes of it: from a key to something that can be answered with.

import type { ClientFields, InterimListener } from '../origin/origin-client.ts';
import type { OpenResponse } from '../origin/origin-gate.ts';
import type { Origin } from '../origin/origins.ts';
import type { RangeSpec } from '../request/byte-range.ts';
import type { CacheObject } from '../store/cache-object.ts';
import type { RequestLookup } from '../variants/vary.ts';

export interface OpeningRequest {
  key: string;
  origin: Origin;
  target: string;
  /** First range the client asked for, undefined for the whole. */
  range: RangeSpec | undefined;
  /** What is stored but not fresh any more. */
  stale: CacheObject | undefined;
  /** Key of the variant this client selects, as far as it is known; who asks for the same waits. Default: `key`. */
  variantKey?: string;
  /** The client whose fields go upstream (semantics `http`); absent where the cache asks in its own name. */
  client?: OpeningClient;
}

export interface OpeningClient {
  fields: ClientFields;
  /** Fields of the request, for Vary. */
  request: RequestLookup;
  isAuthorized: boolean;
  onInterim?: InterimListener;
}

/** With the newest purge at the moment the origin was asked. */
export interface AskedRequest extends OpeningRequest {
  since: number;
  /** Asked before: its body broke off, or a purge came in between. */
  isRetry?: boolean;
}

export type Opening =
  | { kind: 'object'; object: CacheObject; how: 'new' | 'revalidated' | 'stale' }
  /** The origin's own answer, small, for everyone who waited. */
  | { kind: 'answer'; status: number; headers: Readonly<Record<string, string>>; body: Buffer }
  | { kind: 'unsatisfiable'; sizeBytes: number }
  /** Not to be stored and made for the client that asked: only the one who opened gets it. It must be attached or aborted. */
  | { kind: 'response'; response: OpenResponse; isWhole: boolean }
  /** Somebody else's opening is over; look again what is stored (semantics `http`: nothing is shared that is not stored). */
  | { kind: 'joined' }
  /** May not or cannot be stored: each client is served straight from the origin. */
  | { kind: 'bypass' };

export const JOINED: Opening = { kind: 'joined' };

/** Key of the resource that a variant's key belongs to. */
export function resourceOf(key: string): string {
  const end = key.indexOf(' ');
  return end < 0 ? key : key.slice(0, end);
}

/** The response is passed to the client that asked rather than fetched once more for it. */
export function isHttp(request: OpeningRequest): boolean {
  return request.client !== undefined;
}

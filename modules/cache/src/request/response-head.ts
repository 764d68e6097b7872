// Heads of responses: stored headers in canonical case, always a Content-Length, and how the cache came to its bytes.

import { currentAgeSecs } from '../freshness/freshness.ts';
import type { ObjectView } from '../store/object-view.ts';
import { type ByteRange, contentRange } from './byte-range.ts';
import { canonicalCase } from './header-case.ts';

/** HIT: every byte was there. PARTIAL: some were. MISS: none. STALE: expired, the origin did not answer. BYPASS: not stored. */
export type CacheResult = 'HIT' | 'MISS' | 'PARTIAL' | 'STALE' | 'BYPASS';

/** RFC 9110 7.6.3: who passed it on. */
const VIA = '1.1 wayside';
/** RFC 9211: what became of the request here, beside the lines of caches before us. */
const CACHE_STATUS: Readonly<Record<CacheResult, string>> = {
  HIT: 'wayside; hit',
  MISS: 'wayside; fwd=uri-miss',
  PARTIAL: 'wayside; fwd=partial',
  STALE: 'wayside; hit; detail=stale',
  BYPASS: 'wayside; fwd=bypass',
};
/** Of those, what an answer that is passed on keeps. */
const PASSED = new Set(['accept-ranges', 'content-range', 'age']);
/** Not sent with a stored object: written anew for each response. */
const OWN = new Set(['age', 'via', 'content-length', 'content-range', 'accept-ranges', 'x-cache']);

/** Flat list for writeHead, without the parts that differ between responses. */
function storedHeaders(object: ObjectView): string[] {
  if (object.preparedHeaders === null) {
    // RFC 9110 14.3: ranges are of whole representations only.
    const list = object.meta.status === undefined ? ['Accept-Ranges', 'bytes'] : [];
    for (const [name, value] of Object.entries(object.meta.headers)) {
      if (!OWN.has(name)) pushField(list, name, value);
    }
    list.push('Via', joinVia(object.meta.headers.via));
    object.preparedHeaders = list;
  }
  return object.preparedHeaders;
}

export interface ObjectHead {
  object: ObjectView;
  ttlSecs: number | undefined;
  result: CacheResult;
  nowMs: number;
}

/** Head of 200 and 206 for one range; `range` null = the whole. */
export function objectHead({ object, ttlSecs, result, nowMs }: ObjectHead, range: ByteRange | null): string[] {
  const head = storedHeaders(object).slice();
  const bytes = range === null ? object.sizeBytes : range.end - range.start;
  head.push('Content-Length', String(bytes));
  if (range !== null) head.push('Content-Range', contentRange(range, object.sizeBytes));
  // RFC 9110 14.4: outside a 206 it frames nothing, so it is the origin's own affair.
  else if (object.meta.headers['content-range'] !== undefined)
    head.push('Content-Range', object.meta.headers['content-range']);
  head.push('Age', ageOf(object, ttlSecs, nowMs), 'X-Cache', result, 'Cache-Status', CACHE_STATUS[result]);
  return head;
}

/** RFC 9110 15.4.5: only what a client needs to refresh its copy. */
export function notModifiedHead({ object, ttlSecs, result, nowMs }: ObjectHead): string[] {
  const head: string[] = [];
  for (const name of ['cache-control', 'content-location', 'date', 'etag', 'expires', 'last-modified', 'vary']) {
    const value = object.meta.headers[name];
    if (value !== undefined) head.push(canonicalCase(name), value);
  }
  head.push('Via', joinVia(object.meta.headers.via), 'Age', ageOf(object, ttlSecs, nowMs));
  head.push('X-Cache', result, 'Cache-Status', CACHE_STATUS[result]);
  return head;
}

function ageOf(object: ObjectView, ttlSecs: number | undefined, nowMs: number): string {
  return String(Math.floor(currentAgeSecs(object.freshness(ttlSecs), nowMs)));
}

/** Headers of an answer that is passed through, without framing; hop-by-hop ones were dropped before. */
export function passedHeaders(headers: Readonly<Record<string, string>>): string[] {
  const list: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (!OWN.has(name) || PASSED.has(name)) pushField(list, name, value);
  }
  list.push('Via', joinVia(headers.via));
  return list;
}

/** How the cache came to an answer, as header fields. */
export function passedMarks(result: CacheResult): string[] {
  return ['X-Cache', result, 'Cache-Status', CACHE_STATUS[result]];
}

/** Cookies stand in lines of their own (RFC 6265 3); origin-client joins them by line ends. */
function pushField(list: string[], name: string, value: string): void {
  if (name !== 'set-cookie') list.push(canonicalCase(name), value);
  else for (const cookie of value.split('\n')) list.push('Set-Cookie', cookie);
}

function joinVia(former: string | undefined): string {
  return former === undefined ? VIA : `${former}, ${VIA}`;
}

// Heads of responses: stored headers in canonical case, always a Content-Length, and how the cache came to its bytes.

import { currentAgeSecs } from '../freshness/freshness.ts';
import type { ObjectView } from '../store/object-view.ts';
import { type ByteRange, contentRange } from './byte-range.ts';
import { canonicalCase } from './header-case.ts';

/** HIT: every byte was there. PARTIAL: some were. MISS: none. STALE: expired, the origin did not answer. BYPASS: not stored. */
export type CacheResult = 'HIT' | 'MISS' | 'PARTIAL' | 'STALE' | 'BYPASS';

/** RFC 9110 7.6.3: who passed it on. */
const VIA = '1.1 wayside';
/** Not sent with a stored object: written anew for each response. */
const OWN = new Set(['age', 'via', 'content-length', 'content-range', 'accept-ranges', 'x-cache']);

/** Flat list for writeHead, without the parts that differ between responses. */
function storedHeaders(object: ObjectView): string[] {
  if (object.preparedHeaders === null) {
    const list = ['Accept-Ranges', 'bytes'];
    for (const [name, value] of Object.entries(object.meta.headers)) {
      if (!OWN.has(name)) list.push(canonicalCase(name), value);
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
  head.push('Age', ageOf(object, ttlSecs, nowMs), 'X-Cache', result);
  return head;
}

/** RFC 9110 15.4.5: only what a client needs to refresh its copy. */
export function notModifiedHead({ object, ttlSecs, result, nowMs }: ObjectHead): string[] {
  const head: string[] = [];
  for (const name of ['cache-control', 'content-location', 'date', 'etag', 'expires', 'last-modified', 'vary']) {
    const value = object.meta.headers[name];
    if (value !== undefined) head.push(canonicalCase(name), value);
  }
  head.push('Via', joinVia(object.meta.headers.via), 'Age', ageOf(object, ttlSecs, nowMs), 'X-Cache', result);
  return head;
}

function ageOf(object: ObjectView, ttlSecs: number | undefined, nowMs: number): string {
  return String(Math.floor(currentAgeSecs(object.freshness(ttlSecs), nowMs)));
}

/** Headers of an answer that is passed through, without framing; hop-by-hop ones were dropped before. */
export function passedHeaders(headers: Readonly<Record<string, string>>): string[] {
  const list: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (!OWN.has(name) || name === 'accept-ranges') list.push(canonicalCase(name), value);
  }
  list.push('Via', joinVia(headers.via));
  return list;
}

function joinVia(former: string | undefined): string {
  return former === undefined ? VIA : `${former}, ${VIA}`;
}

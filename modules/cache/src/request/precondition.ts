// Conditional requests (RFC 9110 13): whether a client's copy is still good, and whether If-Range lets a Range count.

import { parseHttpDate } from '../freshness/http-date.ts';

/** Validators of the stored representation. */
export interface Validators {
  etag: string | null;
  /** HTTP date as the origin wrote it. */
  lastModified: string | null;
}

export interface PreconditionHeaders {
  ifNoneMatch?: string | undefined;
  ifModifiedSince?: string | undefined;
  ifRange?: string | undefined;
}

/** True when the answer is 304: If-None-Match outranks If-Modified-Since (RFC 9110 13.2.2). */
export function isNotModified(headers: PreconditionHeaders, stored: Validators): boolean {
  if (headers.ifNoneMatch !== undefined) {
    if (headers.ifNoneMatch.trim() === '*') return true;
    const { etag } = stored;
    return etag !== null && splitTags(headers.ifNoneMatch).some((tag) => opaque(tag) === opaque(etag));
  }
  if (headers.ifModifiedSince === undefined || stored.lastModified === null) return false;
  // RFC 9110 13.1.3: a date that is none is ignored.
  const sinceMs = parseHttpDate(headers.ifModifiedSince);
  const modifiedMs = parseHttpDate(stored.lastModified);
  return sinceMs !== undefined && modifiedMs !== undefined && modifiedMs <= sinceMs;
}

/** RFC 9110 13.1.5: strong comparison for tags, exact match for dates; without the header a Range counts. */
export function rangeCounts(ifRange: string | undefined, stored: Validators): boolean {
  if (ifRange === undefined) return true;
  const value = ifRange.trim();
  if (value.startsWith('"') || value.startsWith('W/')) return isStrongTag(value) && value === stored.etag;
  const atMs = parseHttpDate(value);
  return atMs !== undefined && atMs === parseHttpDate(stored.lastModified ?? undefined);
}

function isStrongTag(tag: string | null): tag is string {
  return tag?.startsWith('"') === true;
}

/** Opaque part, for weak comparison (RFC 9110 8.8.3.2). */
function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

function splitTags(list: string): string[] {
  return list.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

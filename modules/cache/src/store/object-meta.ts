// What is kept of a response besides its bytes: the headers to repeat, the validators, the facts freshness is computed from.

import { computeFreshness, type Freshness } from '../freshness/freshness.ts';
import type { Validators } from '../request/precondition.ts';

/** As stored in the index. Times in ms since 1970. */
export interface ObjectMeta {
  /** Lower-case name -> value, end-to-end headers only. */
  headers: Readonly<Record<string, string>>;
  requestAtMs: number;
  responseAtMs: number;
  /** Canonical host of the origin, for figures by origin. */
  host: string;
  /** The origin answers ranges and has a validator to hold them together. */
  ranged: boolean;
}

/** Not repeated to clients: hop-by-hop (RFC 9110 7.6.1), framing, and what describes one transfer only. */
const NOT_KEPT = new Set(
  ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'].concat(
    ['transfer-encoding', 'upgrade', 'content-length', 'content-range', 'accept-ranges', 'set-cookie', 'alt-svc'],
  ),
);
/** Total length of headers kept with an object. */
const KEPT_HEADER_CHARS_MAX = 16 * 1024;

/** The headers to keep; the ones a Connection header names are dropped too. */
export function keptHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: Record<string, string> = {};
  let chars = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (NOT_KEPT.has(name) || named.has(name)) continue;
    chars += name.length + value.length;
    if (chars > KEPT_HEADER_CHARS_MAX) break;
    kept[name] = value;
  }
  return kept;
}

export function validatorsOf(headers: Readonly<Record<string, string>>): Validators {
  return { etag: headers.etag ?? null, lastModified: headers['last-modified'] ?? null };
}

/**
 * The validator that If-Range may carry, null for none: a strong tag, or a date that is strong because it lies at least a second
 * before the response's own date (RFC 9110 8.8.2.2, 13.1.5).
 */
export function rangeValidator(headers: Readonly<Record<string, string>>): string | null {
  const { etag, lastModified } = validatorsOf(headers);
  if (etag?.startsWith('"')) return etag;
  if (etag !== null || lastModified === null) return null;
  const modifiedMs = Date.parse(lastModified);
  const dateMs = Date.parse(headers.date ?? '');
  return dateMs - modifiedMs >= 1000 ? lastModified : null;
}

/** Headers after a 304 (RFC 9111 3.2): the new ones replace those of the same name; an old Age is void. */
export function refreshedHeaders(
  stored: Readonly<Record<string, string>>,
  fresh: Readonly<Record<string, string>>,
): Record<string, string> {
  const { age: _age, ...rest } = stored;
  const { 'content-encoding': _encoding, 'content-type': _type, ...update } = keptHeaders(fresh);
  return { ...rest, ...update };
}

export function freshnessOf(meta: ObjectMeta, ttlSecs: number | undefined): Freshness {
  return computeFreshness({
    requestAtMs: meta.requestAtMs,
    responseAtMs: meta.responseAtMs,
    header: (name) => meta.headers[name],
    ttlSecs,
  });
}

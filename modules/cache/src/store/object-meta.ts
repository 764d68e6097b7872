// What is kept of a response besides its bytes: the headers to repeat, the validators, the facts freshness is computed from.

import { computeFreshness, type Freshness } from '../freshness/freshness.ts';
import { parseHttpDate } from '../freshness/http-date.ts';
import type { Semantics } from '../freshness/storable.ts';
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
  /** Final status; absent = 200. */
  status?: number;
  /** Only on the mark that stands under the key of a resource with variants; the variants lie under keys of their own. */
  variants?: VariantList;
}

/** Representations of one resource that request fields select (RFC 9111 4.1). */
export interface VariantList {
  /** Selecting fields, lower case, sorted. */
  fields: string[];
  /** Part of every variant's key: a mark that is made anew reaches no variant of the former one. */
  epoch: string;
  /** Oldest first. `others` = values of the fields beside Accept-Language, `language` = Content-Language, '' without. */
  kept: { key: string; others: string; language: string }[];
}

/** Not repeated to clients: hop-by-hop (RFC 9110 7.6.1), framing, and what describes one transfer only. */
const NOT_KEPT = new Set(
  ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'].concat(
    ['transfer-encoding', 'upgrade', 'content-length', 'content-range', 'accept-ranges', 'set-cookie', 'alt-svc'],
    ['proxy-authentication-info', 'proxy-status'],
  ),
);
/** Kept all the same where the cache stands for the origin itself: what they say is the origin's business. */
const KEPT_BY_PROXY = new Set(['set-cookie', 'alt-svc', 'accept-ranges']);
/** Total length of headers kept with an object. */
const KEPT_HEADER_CHARS_MAX = 16 * 1024;

/**
 * The headers to keep; the ones a Connection header names are dropped too.
 * @param semantics `http` keeps Set-Cookie, and Content-Range where it frames nothing (RFC 9110 14.4)
 * @param status final status of the response
 */
export function keptHeaders(
  headers: Readonly<Record<string, string>>,
  semantics: Semantics = 'content',
  status = 206,
): Record<string, string> {
  const isProxy = semantics === 'http';
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: Record<string, string> = {};
  let chars = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (named.has(name)) continue;
    if (NOT_KEPT.has(name)) {
      const isKept = isProxy && (KEPT_BY_PROXY.has(name) || (name === 'content-range' && status !== 206));
      if (!isKept) continue;
    }
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
  const modifiedMs = parseHttpDate(lastModified);
  const dateMs = parseHttpDate(headers.date);
  return modifiedMs !== undefined && dateMs !== undefined && dateMs - modifiedMs >= 1000 ? lastModified : null;
}

/** Headers after a 304 (RFC 9111 3.2): the new ones replace those of the same name; an old Age is void. */
export function refreshedHeaders(
  stored: Readonly<Record<string, string>>,
  fresh: Readonly<Record<string, string>>,
  semantics: Semantics = 'content',
): Record<string, string> {
  const { age: _age, ...rest } = stored;
  const {
    'content-encoding': _encoding,
    'content-type': _type,
    'content-range': _range,
    ...update
  } = keptHeaders(fresh, semantics, 304);
  return { ...rest, ...update };
}

export function freshnessOf(meta: ObjectMeta, ttlSecs: number | undefined): Freshness {
  return computeFreshness({
    status: meta.status,
    requestAtMs: meta.requestAtMs,
    responseAtMs: meta.responseAtMs,
    header: (name) => meta.headers[name],
    // The operator's lifetime is about content, not about redirects and refusals.
    ttlSecs: meta.status === undefined ? ttlSecs : undefined,
  });
}

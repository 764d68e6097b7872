// Freshness of a stored response as a shared cache sees it: small predicates, each named by its clause of RFC 9111 or 5861.

import { type CacheControl, deltaSecs, parseCacheControl } from './cache-control.ts';

/** RFC 9111 4.2.2 suggests a tenth of the time since Last-Modified; a day is the most we guess. */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_SECS_MAX = 86_400;
/** Served while the origin fails, unless the response forbids it: the time content stays on disk (connected-cache 1.14). */
const STALE_IF_ERROR_SECS_DEFAULT = 30 * 86_400;
/** Statuses whose freshness may be guessed (RFC 9110 15.1), as far as this cache stores them. */
const STORABLE_STATUSES: readonly number[] = [200, 206];

/** Look-up of a response header by lower-case name; undefined when absent. */
export type HeaderLookup = (name: string) => string | undefined;

/** What freshness needs to know of a stored response. Times in ms since 1970. */
export interface FreshnessFacts {
  requestAtMs: number;
  responseAtMs: number;
  header: HeaderLookup;
  /** Lifetime fixed by the operator for this origin, seconds; outranks the response. */
  ttlSecs?: number | undefined;
}

export interface Freshness {
  /** Freshness lifetime, seconds. */
  lifetimeSecs: number;
  /** Corrected initial age (RFC 9111 4.2.3), seconds. */
  initialAgeSecs: number;
  responseAtMs: number;
  /** no-cache: never used without asking the origin. */
  alwaysRevalidate: boolean;
  /** Windows after expiry, seconds (RFC 5861); 0 = never. */
  staleWhileRevalidateSecs: number;
  staleIfErrorSecs: number;
}

/** Whether a shared cache may keep the response (RFC 9111 3). */
export function isStorable(status: number, header: HeaderLookup): boolean {
  if (!STORABLE_STATUSES.includes(status)) return false;
  const control = parseCacheControl(header('cache-control'));
  if (control.has('no-store')) return false;
  if (control.has('private')) return false;
  // RFC 9111 4.1: `Vary: *` never matches. Other fields match always: the cache sends the same request headers upstream for every client.
  if (header('vary')?.includes('*')) return false;
  // A cookie is made for one client; only an explicit shared lifetime makes it content.
  return header('set-cookie') === undefined || control.has('public') || control.has('s-maxage');
}

export function computeFreshness(facts: FreshnessFacts): Freshness {
  const control = parseCacheControl(facts.header('cache-control'));
  const mustRevalidate = control.has('must-revalidate') || control.has('proxy-revalidate') || control.has('s-maxage');
  const alwaysRevalidate = facts.ttlSecs === undefined && (control.has('no-cache') || isPragmaNoCache(facts, control));
  return {
    lifetimeSecs: facts.ttlSecs ?? lifetimeSecs(facts, control),
    initialAgeSecs: initialAgeSecs(facts),
    responseAtMs: facts.responseAtMs,
    alwaysRevalidate,
    staleWhileRevalidateSecs: mustRevalidate ? 0 : (deltaSecs(control, 'stale-while-revalidate') ?? 0),
    staleIfErrorSecs:
      deltaSecs(control, 'stale-if-error') ?? (mustRevalidate || alwaysRevalidate ? 0 : STALE_IF_ERROR_SECS_DEFAULT),
  };
}

/** RFC 9111 4.2.1: s-maxage, max-age, Expires, then a guess. */
function lifetimeSecs(facts: FreshnessFacts, control: CacheControl): number {
  const shared = deltaSecs(control, 's-maxage');
  if (shared !== undefined) return shared;
  if (control.has('s-maxage')) return 0;
  const own = deltaSecs(control, 'max-age');
  if (own !== undefined) return own;
  if (control.has('max-age')) return 0;
  const dateMs = parseDate(facts.header('date')) ?? facts.responseAtMs;
  const expires = facts.header('expires');
  if (expires !== undefined) {
    const expiresMs = parseDate(expires);
    // RFC 9111 5.3: a date that cannot be read lies in the past.
    return expiresMs === undefined ? 0 : Math.max(0, (expiresMs - dateMs) / 1000);
  }
  const modifiedMs = parseDate(facts.header('last-modified'));
  if (modifiedMs === undefined || modifiedMs > dateMs) return 0;
  return Math.min(HEURISTIC_SECS_MAX, ((dateMs - modifiedMs) / 1000) * HEURISTIC_SHARE);
}

/** RFC 9111 4.2.3. */
function initialAgeSecs(facts: FreshnessFacts): number {
  const dateMs = parseDate(facts.header('date')) ?? facts.responseAtMs;
  const apparentAge = Math.max(0, (facts.responseAtMs - dateMs) / 1000);
  const ageText = facts.header('age')?.split(',')[0]?.trim() ?? '';
  const ageValue = /^\d+$/.test(ageText) ? Math.min(Number(ageText), 2 ** 31) : 0;
  const delay = Math.max(0, (facts.responseAtMs - facts.requestAtMs) / 1000);
  return Math.max(apparentAge, ageValue + delay);
}

export function currentAgeSecs(freshness: Freshness, nowMs: number): number {
  return freshness.initialAgeSecs + Math.max(0, (nowMs - freshness.responseAtMs) / 1000);
}

/** May be used without asking the origin. */
export function isFresh(freshness: Freshness, nowMs: number): boolean {
  return !freshness.alwaysRevalidate && currentAgeSecs(freshness, nowMs) < freshness.lifetimeSecs;
}

/** May be used now while the origin is asked behind the client's back (RFC 5861 3). */
export function mayServeWhileRevalidating(freshness: Freshness, nowMs: number): boolean {
  if (freshness.alwaysRevalidate) return false;
  return currentAgeSecs(freshness, nowMs) < freshness.lifetimeSecs + freshness.staleWhileRevalidateSecs;
}

/** May be used when the origin fails (RFC 5861 4). */
export function mayServeOnError(freshness: Freshness, nowMs: number): boolean {
  return currentAgeSecs(freshness, nowMs) < freshness.lifetimeSecs + freshness.staleIfErrorSecs;
}

function parseDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** RFC 9111 5.4: Pragma counts only where there is no Cache-Control. */
function isPragmaNoCache(facts: FreshnessFacts, control: CacheControl): boolean {
  return control.size === 0 && /\bno-cache\b/i.test(facts.header('pragma') ?? '');
}

// Freshness of a stored response as a shared cache sees it: small predicates, each named by its clause of RFC 9111 or 5861.

import { deltaSecs } from './cache-control.ts';
import { parseHttpDate } from './http-date.ts';
import { type ResponseControl, responseControl } from './response-control.ts';

/** RFC 9111 4.2.2 suggests a tenth of the time since Last-Modified; a day is the most we guess. */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_SECS_MAX = 86_400;
/** Served while the origin fails, unless the response forbids it: the time content stays on disk (connected-cache 1.14). */
const STALE_IF_ERROR_SECS_DEFAULT = 30 * 86_400;
/** Statuses whose freshness may be guessed (RFC 9110 15.1). */
const HEURISTIC_STATUSES: readonly number[] = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];

/** Look-up of a response header by lower-case name; undefined when absent. */
export type HeaderLookup = (name: string) => string | undefined;

/** What freshness needs to know of a stored response. Times in ms since 1970. */
export interface FreshnessFacts {
  /** Final status; default 200. */
  status?: number | undefined;
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
  /** no-cache, with names of fields or without (RFC 9111 5.2.2.4 lets a cache take both alike): never used without asking the origin. */
  alwaysRevalidate: boolean;
  /** Never used after expiry, whoever wishes it (RFC 9111 4.2.4). */
  mustRevalidate: boolean;
  /** Windows after expiry, seconds (RFC 5861); 0 = never. */
  staleWhileRevalidateSecs: number;
  staleIfErrorSecs: number;
}

export function computeFreshness(facts: FreshnessFacts): Freshness {
  const control = responseControl(facts.header);
  const { directives } = control;
  const mustRevalidate =
    directives.has('must-revalidate') || directives.has('proxy-revalidate') || directives.has('s-maxage');
  const alwaysRevalidate =
    facts.ttlSecs === undefined && (directives.has('no-cache') || isPragmaNoCache(facts, control));
  return {
    lifetimeSecs: facts.ttlSecs ?? explicitLifetimeSecs(facts, control) ?? heuristicLifetimeSecs(facts, control),
    initialAgeSecs: initialAgeSecs(facts),
    responseAtMs: facts.responseAtMs,
    alwaysRevalidate,
    mustRevalidate: mustRevalidate || alwaysRevalidate,
    staleWhileRevalidateSecs: mustRevalidate ? 0 : (deltaSecs(directives, 'stale-while-revalidate') ?? 0),
    staleIfErrorSecs:
      deltaSecs(directives, 'stale-if-error') ?? (mustRevalidate || alwaysRevalidate ? 0 : STALE_IF_ERROR_SECS_DEFAULT),
  };
}

/** RFC 9111 4.2.1: s-maxage, max-age, Expires; undefined when the response says nothing. What cannot be read is 0. */
export function explicitLifetimeSecs(facts: FreshnessFacts, control: ResponseControl): number | undefined {
  for (const name of ['s-maxage', 'max-age']) {
    if (control.directives.has(name)) return deltaSecs(control.directives, name) ?? 0;
  }
  const expires = facts.header('expires');
  if (expires === undefined || control.isTargeted) return undefined;
  const expiresMs = parseHttpDate(expires);
  // RFC 9111 5.3: a date that cannot be read lies in the past.
  return expiresMs === undefined ? 0 : Math.max(0, (expiresMs - dateMs(facts)) / 1000);
}

/** RFC 9111 4.2.2: only with a Last-Modified, and for a status that allows guessing or is called public. */
export function heuristicLifetimeSecs(facts: FreshnessFacts, control: ResponseControl): number {
  if (!HEURISTIC_STATUSES.includes(facts.status ?? 200) && !control.directives.has('public')) return 0;
  const at = dateMs(facts);
  const modifiedMs = parseHttpDate(facts.header('last-modified'));
  if (modifiedMs === undefined || modifiedMs > at) return 0;
  return Math.min(HEURISTIC_SECS_MAX, ((at - modifiedMs) / 1000) * HEURISTIC_SHARE);
}

function dateMs(facts: FreshnessFacts): number {
  return parseHttpDate(facts.header('date')) ?? facts.responseAtMs;
}

/** RFC 9111 4.2.3; of several Age values the first counts, one that is no number is ignored (5.1). */
function initialAgeSecs(facts: FreshnessFacts): number {
  const apparentAge = Math.max(0, (facts.responseAtMs - dateMs(facts)) / 1000);
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

/** RFC 9111 5.4: Pragma counts only where there is no Cache-Control. */
function isPragmaNoCache(facts: FreshnessFacts, control: ResponseControl): boolean {
  return control.directives.size === 0 && /\bno-cache\b/i.test(facts.header('pragma') ?? '');
}

// Whether a shared cache may keep a response (RFC 9111 3), and whether keeping it is of use.

import { explicitLifetimeSecs, type FreshnessFacts, heuristicLifetimeSecs } from './freshness.ts';
import { responseControl } from './response-control.ts';

/** Statuses this cache knows the meaning of (RFC 9110 15): must-understand asks for that (RFC 9111 5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416,
  417, 421, 422, 426, 429, 451, 500, 501, 502, 503, 504, 505,
]);
/** Whole representations: kept for their validator even when nothing says how long they are fresh. */
const REPRESENTATIONS: readonly number[] = [200, 206];
/** RFC 9111 3.5: any of these lets the answer to a request with Authorization be shared. */
const SHARES_AUTHORIZED = ['public', 'must-revalidate', 's-maxage'];

/**
 * `content`: what is served is the same for everyone and worth keeping in any case (CDN content). `http`: a plain reverse proxy, where a
 * response may be made for one client and only its own words make it content.
 */
export type Semantics = 'content' | 'http';

export interface StorableFacts extends FreshnessFacts {
  status: number;
  semantics: Semantics;
  /** The request carried Authorization. */
  isAuthorized?: boolean;
}

export function isStorable(facts: StorableFacts): boolean {
  const { status, header } = facts;
  if (status < 200 || status === 304 || status === 205) return false;
  const control = responseControl(header);
  const { directives } = control;
  const isUnderstood = UNDERSTOOD.has(status);
  if (directives.has('must-understand')) {
    // RFC 9111 5.2.2.3: no-store beside it is for caches that do not know the directive.
    if (!isUnderstood) return false;
  } else if (directives.has('no-store')) return false;
  // With names of fields too: storing the rest would cost the client that asked its own fields (RFC 9111 5.2.2.7).
  if (directives.has('private')) return false;
  // RFC 9111 4.1: `*` never matches.
  if (/(^|,)\s*\*\s*(,|$)/.test(header('vary') ?? '')) return false;
  if (facts.isAuthorized === true && !SHARES_AUTHORIZED.some((name) => directives.has(name))) return false;
  const explicitSecs = facts.ttlSecs ?? explicitLifetimeSecs(facts, control);
  const isPublic = directives.has('public');
  if (header('set-cookie') !== undefined && !mayShareCookie(facts, explicitSecs, isPublic, directives.has('s-maxage')))
    return false;
  if ((explicitSecs ?? heuristicLifetimeSecs(facts, control)) > 0) return true;
  if (!REPRESENTATIONS.includes(status)) return false;
  return facts.semantics === 'content' || header('etag') !== undefined || header('last-modified') !== undefined;
}

/** A cookie is made for one client; only words about sharing (content) or an explicit lifetime (http, RFC 9111 7.3) make it content. */
function mayShareCookie(
  facts: StorableFacts,
  explicitSecs: number | undefined,
  isPublic: boolean,
  isShared: boolean,
): boolean {
  return isPublic || isShared || (facts.semantics === 'http' && (explicitSecs ?? 0) > 0);
}

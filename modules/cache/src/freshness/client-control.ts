// Cache-Control of a request (RFC 9111 5.2.1): what a client asks of stored responses, and whether one satisfies it.

import { deltaSecs, parseCacheControl } from './cache-control.ts';
import { currentAgeSecs, type Freshness, isFresh } from './freshness.ts';

export interface ClientControl {
  /** no-cache, or Pragma: no-cache without Cache-Control (RFC 9111 5.4): ask the origin first. */
  isReload: boolean;
  /** Keep nothing of this exchange. */
  isNoStore: boolean;
  /** Answer from the store or 504. */
  isOnlyIfCached: boolean;
  /** Seconds; undefined when not asked. */
  maxAgeSecs: number | undefined;
  minFreshSecs: number | undefined;
  /** Infinity for max-stale without an argument. */
  maxStaleSecs: number | undefined;
}

/** @returns undefined when the request asks nothing: the usual case */
export function parseClientControl(
  cacheControl: string | undefined,
  pragma: string | undefined,
): ClientControl | undefined {
  if (cacheControl === undefined) {
    if (pragma === undefined || !/(^|[\s,])no-cache\b/i.test(pragma)) return undefined;
    return { ...NOTHING, isReload: true };
  }
  const directives = parseCacheControl(cacheControl);
  const maxStaleSecs =
    directives.get('max-stale') === '' ? Number.POSITIVE_INFINITY : deltaSecs(directives, 'max-stale');
  return {
    isReload: directives.has('no-cache'),
    isNoStore: directives.has('no-store'),
    isOnlyIfCached: directives.has('only-if-cached'),
    maxAgeSecs: deltaSecs(directives, 'max-age'),
    minFreshSecs: deltaSecs(directives, 'min-fresh'),
    maxStaleSecs,
  };
}

const NOTHING: ClientControl = {
  isReload: false,
  isNoStore: false,
  isOnlyIfCached: false,
  maxAgeSecs: undefined,
  minFreshSecs: undefined,
  maxStaleSecs: undefined,
};

/** May this stored response be used for this client without asking the origin? */
export function satisfies(control: ClientControl | undefined, freshness: Freshness, nowMs: number): boolean {
  if (control === undefined) return isFresh(freshness, nowMs);
  if (control.isReload || control.isNoStore) return false;
  const ageSecs = currentAgeSecs(freshness, nowMs);
  if (control.maxAgeSecs !== undefined && ageSecs > control.maxAgeSecs) return false;
  const leftSecs = freshness.lifetimeSecs - ageSecs;
  if (control.minFreshSecs !== undefined && leftSecs < control.minFreshSecs) return false;
  if (isFresh(freshness, nowMs)) return true;
  // RFC 9111 4.2.4: must-revalidate and its kin outrank the client.
  return !freshness.mustRevalidate && control.maxStaleSecs !== undefined && -leftSecs <= control.maxStaleSecs;
}

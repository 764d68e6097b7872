// Status codes for what went wrong. A fault of the cache or its upstream is 5xx at once, never 4xx: a 4xx makes clients avoid this cache
// for 15 minutes (connected-cache 3.6, R1, R2, R7).

import { isEdgeError } from '@wayside/kit';
import type { Semantics } from '../freshness/storable.ts';

/** Status for an error on the way to the bytes. */
export function statusOfError(error: unknown): number {
  if (!isEdgeError(error)) return 500;
  switch (error.code) {
    case 'CACHE_ORIGIN_ADDRESS_REFUSED':
      return 403;
    case 'CACHE_ORIGIN_TIMEOUT':
      return 504;
    case 'CACHE_ORIGIN_BUSY':
      return 503;
    case 'CACHE_REQUEST_TOO_LARGE':
      return 413;
    case 'CACHE_DRIVE_FAILED':
    case 'CACHE_STORE_FULL':
      return 500;
    default:
      return 502;
  }
}

const DO_LITE = /^Microsoft-Delivery-Optimization-Lite\b/i;

/** Delivery Optimization Lite, the open client of connected-cache 3. */
export function isDoLite(userAgent: string | undefined): boolean {
  return userAgent !== undefined && DO_LITE.test(userAgent);
}

/** What of an origin decides about statuses. */
export interface StatusRules {
  /** true: 4xx are masked for every client, false: for none, undefined: for Delivery Optimization Lite. */
  maskOrigin4xx: boolean | undefined;
  semantics: Semantics;
}

/** Status a client sees for an origin's own: R2 and R7 for 4xx, R6 for answers without content. */
export function statusForClient(
  originStatus: number,
  userAgent: string | undefined,
  { maskOrigin4xx, semantics }: StatusRules,
): number {
  const isPlainProxy = semantics === 'http' && !isDoLite(userAgent);
  if (originStatus === 204 || originStatus === 205) return isPlainProxy ? originStatus : 502;
  if (originStatus === 429) return isPlainProxy ? originStatus : 503;
  if (originStatus < 400 || originStatus >= 500) return originStatus;
  const isMasked = maskOrigin4xx ?? isDoLite(userAgent);
  return isMasked ? 502 : originStatus;
}

// Status codes for what went wrong. A fault of the cache or its upstream is 5xx at once, never 4xx: a 4xx makes clients avoid this cache
// for 15 minutes (connected-cache 3.6, R1, R2, R7).

import { isEdgeError } from '@wayside/kit';

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
    case 'CACHE_DRIVE_FAILED':
    case 'CACHE_STORE_FULL':
      return 500;
    default:
      return 502;
  }
}

const DO_LITE = /^Microsoft-Delivery-Optimization-Lite\b/i;

/**
 * Status a client sees for an origin's own 4xx or 5xx.
 * @param mask per origin: true for every client, false for none, undefined for Delivery Optimization Lite
 */
export function statusForClient(
  originStatus: number,
  userAgent: string | undefined,
  mask: boolean | undefined,
): number {
  if (originStatus === 429) return 503;
  if (originStatus < 400 || originStatus >= 500) return originStatus;
  const isMasked = mask ?? DO_LITE.test(userAgent ?? '');
  return isMasked ? 502 : originStatus;
}

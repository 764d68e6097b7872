// Which directives of a response count for this cache: those of CDN-Cache-Control where it is valid (RFC 9213), else Cache-Control.

import { createRequire } from 'node:module';
import { type CacheControl, parseCacheControl } from './cache-control.ts';

const require = createRequire(import.meta.url);

/** Directives whose argument is delta-seconds. */
const SECONDS = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'];

export interface ResponseControl {
  directives: CacheControl;
  /** From a targeted field: Cache-Control, Expires and Pragma say nothing then (RFC 9213 2.2). */
  isTargeted: boolean;
}

/** @param header look-up by lower-case name */
export function responseControl(header: (name: string) => string | undefined): ResponseControl {
  const targeted = parseTargeted(header('cdn-cache-control'));
  if (targeted !== undefined) return { directives: targeted, isTargeted: true };
  return { directives: parseCacheControl(header('cache-control')), isTargeted: false };
}

/**
 * A targeted field as directives; undefined when absent, empty or no valid dictionary, and then it counts as absent (RFC 9213 2.1). A
 * lifetime that is no whole number makes it invalid too: what its sender wanted is not known.
 */
export function parseTargeted(value: string | undefined): CacheControl | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  // Loaded when the first targeted field comes.
  const { isInnerList, parseDictionary, Token }: typeof import('structured-headers') = require('structured-headers');
  const directives = new Map<string, string>();
  try {
    for (const [name, member] of parseDictionary(value)) {
      if (isInnerList(member)) return undefined;
      const [item] = member;
      if (SECONDS.includes(name) && !(typeof item === 'number' && Number.isInteger(item) && item >= 0))
        return undefined;
      if (item === false) continue;
      directives.set(name, item === true ? '' : item instanceof Token ? item.toString() : String(item));
    }
  } catch {
    return undefined;
  }
  return directives.size === 0 ? undefined : directives;
}

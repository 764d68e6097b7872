// Cache-Control as a lookup table (RFC 9111 5.2): lower-case directive -> argument ('' without one).

import { knownValues } from './known-values.ts';

export type CacheControl = ReadonlyMap<string, string>;

const DIRECTIVE = /([!#$%&'*+\-.^_`|~0-9a-z]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/gi;

const NONE: CacheControl = new Map();

/** The first of repeated directives counts, as RFC 9111 4.2.1 advises to take the stricter or first value. */
export function parseCacheControl(value: string | undefined): CacheControl {
  return value === undefined || value === '' ? NONE : known(value);
}

const known = knownValues((value): CacheControl => {
  const directives = new Map<string, string>();
  for (const [, name = '', quoted, plain] of value.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return directives;
});

/** Delta-seconds (RFC 9111 1.2.2); undefined when absent or not a number; capped at 2^31 as that clause says. */
export function deltaSecs(directives: CacheControl, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  return /^\d+$/.test(value) ? Math.min(Number(value), 2 ** 31) : undefined;
}

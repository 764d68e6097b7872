// Host names and patterns: what is a name at all, and whether `*.example.com` covers it.

import { isIP } from 'node:net';

/** RFC 1123 2.1: labels of letters, digits, hyphens; at most 253 characters. Underscore occurs in container names. */
const NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** Numbers that resolvers read as IPv4 addresses: 127.1, 2130706433, 0x7f.1, 0177.0.0.1. */
const NUMERIC_LAST_LABEL = /(?:^|\.)(?:0x[0-9a-f]*|\d+)$/;

/** A host name in lower case; false for every way to write an IP address. */
export function isHostName(host: string): boolean {
  return NAME.test(host) && isIP(host) === 0 && !NUMERIC_LAST_LABEL.test(host);
}

export function isHostPattern(pattern: string): boolean {
  return isHostName(pattern.startsWith('*.') ? pattern.slice(2) : pattern);
}

/** Set of names and wildcards; a look-up costs one map access a label. */
export class HostPatterns<T> {
  readonly #exact = new Map<string, T>();
  readonly #under = new Map<string, T>();

  /** The first entry for a pattern stays. */
  add(pattern: string, value: T): void {
    const wildcard = pattern.startsWith('*.');
    const map = wildcard ? this.#under : this.#exact;
    const key = wildcard ? pattern.slice(2) : pattern;
    if (!map.has(key)) map.set(key, value);
  }

  /** Exact name first, then the longest wildcard. */
  find(host: string): T | undefined {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const found = this.#under.get(host.slice(dot + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

// Which fields of a client's request go on to the origin, when the cache asks in the client's name (RFC 9110 7.6). Never where it comes from.

import type { ClientFields } from '../origin/origin-client.ts';

/** This connection's own (RFC 9110 7.6.1), written anew, or telling who the client is (connected-cache 6 row 73). */
const NOT_FORWARDED = new Set(
  [
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ]
    .concat(['host', 'via', 'expect', 'content-length', 'http2-settings'])
    .concat(['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'client-ip']),
);
/** Range, preconditions, and what makes no sense without them: a fill decides about these itself. */
const OF_ONE_CLIENT = new Set([
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
]);

/**
 * @param rawHeaders flat list as received
 * @param isShared the answer may be stored for others: ranges and conditions stay behind
 */
export function forwardedFields(rawHeaders: readonly string[], isShared: boolean): ClientFields {
  const named = new Set<string>();
  const via: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (name === 'connection') for (const option of value.split(',')) named.add(option.trim().toLowerCase());
    else if (name === 'via') via.push(value);
  }
  const list: string[] = [];
  let range: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (NOT_FORWARDED.has(name) || named.has(name)) continue;
    if (OF_ONE_CLIENT.has(name)) {
      if (isShared) continue;
      // The last Range counts, here too (connected-cache 3.8 a).
      if (name === 'range') {
        range = value;
        continue;
      }
    }
    // RFC 9110 7.6.2: one hop less.
    list.push(
      rawHeaders[i] as string,
      name === 'max-forwards' && /^\d{1,9}$/.test(value) ? String(Math.max(0, Number(value) - 1)) : value,
    );
  }
  if (range !== undefined) list.push('Range', range);
  return { list, via: via.length === 0 ? undefined : via.join(', ') };
}

/** RFC 9112 3.2: a request with more than one Host is refused: two readers may each believe another one. */
export function hasSeveralHosts(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count > 1;
}

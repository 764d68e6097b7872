// Where a client that asked for a CDN's URL is sent: its node, or the CDN itself. Pure.

import type { NodeRecord } from '../nodes/node-record.ts';
import { cacheHostOf } from './cache-host.ts';
import { isContentHost } from './content-hosts.ts';

export const URL_CHARACTERS_MAX = 8_192;
/** The client's own word about the origin (connected-cache.md 2.2). */
const ORIGIN_PARAMETER = 'cacheHostOrigin';

export interface ContentUrl {
  host: string;
  /** Path and query as the client wrote them: the query may be signed. */
  target: string;
}

export type UrlCheck = { ok: true; url: ContentUrl } | { ok: false; isHost: boolean; why: string };

/** Takes `http://<content host>[:80]/...` only: anything else would make this an open redirector. */
export function checkContentUrl(text: string, ownHosts: readonly string[]): UrlCheck {
  const refused = (why: string, isHost = false): UrlCheck => ({ ok: false, isHost, why });
  if (text.length > URL_CHARACTERS_MAX) return refused(`${text.length} characters, at most ${URL_CHARACTERS_MAX}`);
  const match = /^http:\/\/([A-Za-z0-9.-]{1,253})(?::80)?(\/[\x21\x24-\x7e]*)$/.exec(text);
  if (!match) return refused('wanted http://HOST/PATH without a port, user or fragment');
  const [, host = '', target = ''] = match;
  if (!isContentHost(host, ownHosts)) return refused(`"${host}" is not on the list of content hosts`, true);
  return { ok: true, url: { host: host.toLowerCase(), target } };
}

/** `node` undefined: the CDN. */
export function redirectTarget(
  { host, target }: ContentUrl,
  node: Pick<NodeRecord, 'ipAddress' | 'httpPort'> | undefined,
): string {
  if (!node) return `http://${host}${target}`;
  const [path = '', ...query] = target.split('?');
  const kept = query
    .join('?')
    .split('&')
    .filter((part) => part !== '' && part.split('=')[0] !== ORIGIN_PARAMETER);
  return `http://${cacheHostOf(node)}${path}?${[...kept, `${ORIGIN_PARAMETER}=${host}`].join('&')}`;
}

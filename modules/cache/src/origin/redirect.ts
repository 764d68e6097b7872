// Where a redirect of an origin leads, when the cache may follow it: to hosts it serves anyway, never anywhere else. Pure.

import type { Origin } from './origins.ts';

/** Hops followed for one request; what then still redirects is passed on to the client. */
export const REDIRECTS_MAX = 5;

const FOLLOWED = new Set([301, 302, 303, 307, 308]);

export interface RedirectStep {
  origin: Origin;
  target: string;
}

/**
 * @param location value of Location, undefined when absent
 * @param resolve the allow list
 * @returns the next step; undefined when the answer is the client's own business: an unlisted host, another scheme or port,
 *   a downgrade from https, or no redirect at all
 */
export function redirectStep(
  status: number,
  location: string | undefined,
  from: RedirectStep,
  resolve: (host: string) => Origin | undefined,
): RedirectStep | undefined {
  if (!FOLLOWED.has(status) || location === undefined) return undefined;
  const scheme = from.origin.base.startsWith('https:') ? 'https:' : 'http:';
  const here = `${scheme}//${from.origin.host}${from.target}`;
  if (!URL.canParse(location, here)) return undefined;
  const url = new URL(location, here);
  if (url.username !== '' || url.password !== '') return undefined;
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && scheme === 'http:')) return undefined;
  const found = resolve(url.hostname.toLowerCase().replace(/\.$/, ''));
  if (found === undefined) return undefined;
  const target = `${url.pathname}${url.search}`;
  // Bytes of this host come from where the operator says (its url, or the parent), whatever scheme the redirect names.
  if (!found.guarded) return sameHost(found, url) ? { origin: found, target } : undefined;
  if (!sameHost(found, url)) return undefined;
  return { origin: url.protocol === 'https:' ? { ...found, base: `https://${found.host}` } : found, target };
}

/** Name and port as the allow list has them: a listed host's other ports are not listed. */
function sameHost(origin: Origin, url: URL): boolean {
  return url.host.toLowerCase() === origin.host.toLowerCase();
}

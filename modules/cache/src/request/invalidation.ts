// What a change by an unsafe method makes outdated (RFC 9111 4.4): the target, and what Location and Content-Location name on the same host.

import type { Openings } from '../fill/openings.ts';
import { cacheKey, type Origin } from '../origin/origins.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { VariantIndex } from '../variants/variant-index.ts';

/** Methods that change nothing (RFC 9110 9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

export interface Change {
  origin: Origin;
  method: string;
  target: string;
  /** Host as the client named it, with a port where one was given. */
  authority: string;
  /** Of the response. */
  status: number;
  headers: Readonly<Record<string, string>>;
}

/** Keys that are outdated after this exchange; none after a safe method or an error answer. */
export function outdatedKeys(change: Change): string[] {
  const { origin, method, status, target } = change;
  if (SAFE.has(method) || status < 200 || status >= 400) return [];
  const targets = new Set([target]);
  for (const name of ['location', 'content-location']) {
    const named = sameHostTarget(change, change.headers[name]);
    if (named !== undefined) targets.add(named);
  }
  return [...targets].map((each) => cacheKey(origin, each));
}

/** Target that a URI reference means, when it is on the host that was asked. */
export function sameHostTarget(
  { origin, target, authority }: Change,
  reference: string | undefined,
): string | undefined {
  const here = `http://${authority}${target}`;
  if (reference === undefined || !URL.canParse(reference, here)) return undefined;
  const url = new URL(reference, here);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const hosts = [new URL(here).host, origin.host.toLowerCase()];
  return hosts.includes(url.host) ? `${url.pathname}${url.search}` : undefined;
}

export interface InvalidatorDeps {
  store: ObjectStore;
  variants: VariantIndex;
  openings: Openings;
}

/** Drops what is stored under the keys, and lets nothing be kept that is on its way. Resolves when that is on disk. */
export async function invalidate(
  keys: readonly string[],
  { store, variants, openings }: InvalidatorDeps,
): Promise<void> {
  let isChanged = false;
  for (const key of keys) {
    openings.spoil(key);
    const object = store.find(key);
    if (object === undefined) continue;
    if (object.meta.variants === undefined) await store.drop(object);
    else await variants.dropAll(object);
    isChanged = true;
  }
  // Before the client hears of its success: a crash after that must not bring the old content back.
  if (isChanged) for (const drive of store.drives) if (drive.isUp) drive.flush();
}

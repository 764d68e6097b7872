// Desired properties of the module twin (contracts 8): parsed whole, every problem named, nothing applied from a bad document.

import type { ConfigProblem } from '@wayside/kit';
import type { Semantics } from '../freshness/storable.ts';
import { isHostPattern } from '../origin/host-pattern.ts';
import { ORIGIN_TRANSFERS_MAX, type OriginSettings } from '../origin/origins.ts';
import { type DesiredOperations, NO_OPERATIONS, OPERATION_KEYS, parseOperations } from './desired-operations.ts';

export interface DesiredSettings {
  origins: OriginSettings[];
  /** Mbit/s; null = the cap of the environment. */
  maxEgressMbps: number | null;
  drain: boolean;
  operations: DesiredOperations;
}

/** Origins a twin may hold; its 32 KB end before that. */
const ORIGINS_MAX = 500;

export function parseDesired(desired: unknown): { settings: DesiredSettings; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const settings: DesiredSettings = {
    ...{ origins: [], maxEgressMbps: null, drain: false },
    operations: NO_OPERATIONS,
  };
  const document = isPlain(desired) ? desired : {};
  const { origins = {}, maxEgressMbps = null, drain = false, ...rest } = document;
  for (const name of Object.keys(rest)) {
    if (!name.startsWith('$') && !(OPERATION_KEYS as readonly string[]).includes(name))
      problems.push({
        path: name,
        message: `is unknown, wanted origins, maxEgressMbps, drain, ${OPERATION_KEYS.join(', ')}`,
      });
  }
  settings.operations = parseOperations(document, problems);
  if (typeof drain === 'boolean') settings.drain = drain;
  else problems.push(wrong('drain', drain, 'true or false'));
  if (maxEgressMbps === null || (typeof maxEgressMbps === 'number' && maxEgressMbps > 0))
    settings.maxEgressMbps = maxEgressMbps;
  else problems.push(wrong('maxEgressMbps', maxEgressMbps, 'a number above 0'));
  if (!isPlain(origins)) problems.push(wrong('origins', origins, 'an object of origins by id'));
  else if (Object.keys(origins).length > ORIGINS_MAX)
    problems.push(wrong('origins', `${Object.keys(origins).length} origins`, `at most ${ORIGINS_MAX}`));
  else {
    for (const [id, value] of Object.entries(origins)) {
      // A twin patch deletes an entry with null.
      if (value === null) continue;
      const origin = parseOrigin(id, value, problems);
      if (origin !== undefined) settings.origins.push(origin);
    }
  }
  return { settings, problems };
}

const ORIGIN_KEYS =
  'hosts, url, ttlSecs, ignoreQuery, maskOrigin4xx, transfersMax, semantics, allowUnsafeMethods or honourClientCacheControl';

function parseOrigin(id: string, value: unknown, problems: ConfigProblem[]): OriginSettings | undefined {
  const at = `origins.${id}`;
  if (!isPlain(value)) {
    problems.push(wrong(at, value, 'an object'));
    return undefined;
  }
  const {
    hosts,
    url = null,
    ttlSecs = null,
    ignoreQuery = null,
    maskOrigin4xx = null,
    transfersMax = null,
    semantics = null,
    allowUnsafeMethods = null,
    honourClientCacheControl = null,
    ...rest
  } = value;
  const before = problems.length;
  for (const name of Object.keys(rest)) {
    problems.push({
      path: `${at}.${name}`,
      message: `is unknown, wanted ${ORIGIN_KEYS}`,
    });
  }
  const names = typeof hosts === 'string' ? listOf(hosts).map((host) => host.toLowerCase().replace(/\.$/, '')) : [];
  if (names.length === 0) problems.push(wrong(`${at}.hosts`, hosts, 'host names separated by commas'));
  for (const host of names) {
    if (!isHostPattern(host)) problems.push(wrong(`${at}.hosts`, host, 'a host name or *.name, never an address'));
  }
  if (url !== null && !isOriginUrl(url))
    problems.push(wrong(`${at}.url`, url, 'http(s)://host[:port] without path and credentials'));
  if (ttlSecs !== null && !(Number.isInteger(ttlSecs) && (ttlSecs as number) >= 0))
    problems.push(wrong(`${at}.ttlSecs`, ttlSecs, 'whole seconds from 0'));
  if (ignoreQuery !== null && typeof ignoreQuery !== 'string')
    problems.push(wrong(`${at}.ignoreQuery`, ignoreQuery, 'parameter names separated by commas'));
  if (transfersMax !== null && !isTransferLimit(transfersMax))
    problems.push(wrong(`${at}.transfersMax`, transfersMax, `a whole number from 1 to ${ORIGIN_TRANSFERS_MAX}`));
  if (semantics !== null && semantics !== 'content' && semantics !== 'http')
    problems.push(wrong(`${at}.semantics`, semantics, 'content or http'));
  checkSwitches(at, { maskOrigin4xx, allowUnsafeMethods, honourClientCacheControl }, problems);
  if (problems.length > before) return undefined;
  return {
    id,
    hosts: names,
    url: (url as string | null) ?? undefined,
    ttlSecs: (ttlSecs as number | null) ?? undefined,
    ignoreQuery: ignoreQuery === null ? undefined : listOf(ignoreQuery as string),
    maskOrigin4xx: (maskOrigin4xx as boolean | null) ?? undefined,
    transfersMax: (transfersMax as number | null) ?? undefined,
    semantics: (semantics as Semantics | null) ?? undefined,
    allowUnsafeMethods: (allowUnsafeMethods as boolean | null) ?? undefined,
    honourClientCacheControl: (honourClientCacheControl as boolean | null) ?? undefined,
  };
}

function checkSwitches(at: string, switches: Record<string, unknown>, problems: ConfigProblem[]): void {
  for (const [name, value] of Object.entries(switches)) {
    if (value !== null && typeof value !== 'boolean') problems.push(wrong(`${at}.${name}`, value, 'true or false'));
  }
}

function isTransferLimit(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= ORIGIN_TRANSFERS_MAX;
}

function isOriginUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(value);
  const isHttp = protocol === 'http:' || protocol === 'https:';
  return isHttp && pathname === '/' && `${search}${hash}${username}${password}` === '';
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function wrong(path: string, value: unknown, wanted: string): ConfigProblem {
  return { path, message: `is ${JSON.stringify(value) ?? 'absent'}, wanted ${wanted}` };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

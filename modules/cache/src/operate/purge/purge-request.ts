// What is to be purged, as an operator writes it and as the store reads it: URLs, prefixes, hosts, tags.

import type { ConfigProblem } from '@wayside/kit';
import { cacheKey, type Origin } from '../../origin/origins.ts';
import { tagsOf } from '../../store/cache-tags.ts';
import type { Selection } from '../../store/index-selection.ts';

/** Entries of one purge, all kinds together, and characters of one. */
export const PURGE_ENTRIES_MAX = 1000;
export const PURGE_ENTRY_CHARACTERS_MAX = 8192;

/** As it is sent and as a receipt repeats it. */
export interface PurgeRequest {
  /** `http(s)://host/path?query`: that resource with all its variants. Signature parameters do not matter. */
  urls: string[];
  /** `http(s)://host/path`: everything whose URL begins so. */
  prefixes: string[];
  /** Everything of a host (of all hosts that share its copy). */
  hosts: string[];
  /** Everything whose response carried the tag (Cache-Tag, Edge-Cache-Tag, Surrogate-Key). */
  tags: string[];
  /** Everything there is. */
  all: boolean;
}

const KINDS = ['urls', 'prefixes', 'hosts', 'tags'] as const;

/** @returns every problem; the request counts only without any */
export function parsePurge(value: unknown): { request: PurgeRequest; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const request: PurgeRequest = { urls: [], prefixes: [], hosts: [], tags: [], all: false };
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return {
      request,
      problems: [{ path: '', message: `is ${brief(value)}, wanted an object with ${KINDS.join(', ')} or all` }],
    };
  }
  for (const [name, given] of Object.entries(value)) {
    if (name === 'all') {
      if (typeof given === 'boolean') request.all = given;
      else problems.push({ path: 'all', message: `is ${brief(given)}, wanted true or false` });
    } else if ((KINDS as readonly string[]).includes(name)) {
      request[name as (typeof KINDS)[number]] = entriesOf(name, given, problems);
    } else problems.push({ path: name, message: `is unknown, wanted ${KINDS.join(', ')} or all` });
  }
  for (const name of ['urls', 'prefixes'] as const) {
    request[name].forEach((text, i) => {
      if (urlPartsOf(text) === undefined)
        problems.push({ path: `${name}.${i}`, message: `is ${brief(text)}, wanted http(s)://host/path` });
    });
  }
  const count = KINDS.reduce((sum, kind) => sum + request[kind].length, 0);
  if (count > PURGE_ENTRIES_MAX)
    problems.push({ path: '', message: `has ${count} entries, wanted at most ${PURGE_ENTRIES_MAX}` });
  if (count === 0 && !request.all && problems.length === 0)
    problems.push({ path: '', message: `names nothing, wanted ${KINDS.join(', ')} or all` });
  return { request, problems };
}

function entriesOf(name: string, given: unknown, problems: ConfigProblem[]): string[] {
  const list = typeof given === 'string' ? [given] : given;
  if (!Array.isArray(list)) {
    problems.push({ path: name, message: `is ${brief(given)}, wanted a list of texts` });
    return [];
  }
  const entries: string[] = [];
  list.forEach((entry, i) => {
    if (typeof entry === 'string' && entry !== '' && entry.length <= PURGE_ENTRY_CHARACTERS_MAX) entries.push(entry);
    else
      problems.push({
        path: `${name}.${i}`,
        message: `is ${brief(entry)}, wanted a text of 1 to ${PURGE_ENTRY_CHARACTERS_MAX} characters`,
      });
  });
  return entries;
}

function brief(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, 200);
}

/** Host in lower case, port and target of a URL; the target byte for byte as written, without the fragment. */
export function urlPartsOf(text: string): { host: string; port: number | null; target: string } | undefined {
  const match = /^https?:\/\/([^/?#\s@:[\]]+|\[[^\]\s]*\])(?::(\d{1,5}))?([/?][^\s#]*)?(?:#\S*)?$/i.exec(text);
  if (match === null) return undefined;
  const target = match[3] ?? '/';
  return {
    host: (match[1] as string).toLowerCase().replace(/\.$/, ''),
    port: match[2] === undefined ? null : Number(match[2]),
    target: target.startsWith('?') ? `/${target}` : target,
  };
}

/** A purge as the store and the transfers under way read it. */
export interface CompiledPurge {
  selections: Selection[];
  /** Whether it concerns a response that is on its way. @param headers by lower-case name */
  matches(key: string, headers: Readonly<Record<string, string>>): boolean;
}

/** @param resolve origin of a host, undefined when it is not served (any more): its content is looked for under the name itself */
export function compilePurge(
  { urls, prefixes, hosts, tags, all }: PurgeRequest,
  resolve: (host: string) => Origin | undefined,
): CompiledPurge {
  const selections: Selection[] = [];
  if (all) selections.push({ kind: 'all' });
  for (const url of urls) {
    const { host, port, target } = partsOf(url);
    const origin = resolve(host);
    const key = origin === undefined ? `${named(host, port)}${target}` : cacheKey(origin, target);
    selections.push({ kind: 'key', key });
  }
  for (const prefix of prefixes) {
    const { host, port, target } = partsOf(prefix);
    selections.push({ kind: 'prefix', prefix: `${resolve(host)?.canonical ?? named(host, port)}${target}` });
  }
  for (const host of hosts) {
    const name = host.trim().toLowerCase().replace(/\.$/, '');
    selections.push({ kind: 'prefix', prefix: `${resolve(name)?.canonical ?? name}/` });
  }
  for (const tag of tags) selections.push({ kind: 'tag', tag: tag.trim() });
  return { selections, matches: (key, headers) => selections.some((selection) => isMeant(selection, key, headers)) };
}

function isMeant(selection: Selection, key: string, headers: Readonly<Record<string, string>>): boolean {
  switch (selection.kind) {
    case 'all':
      return true;
    case 'key':
      return key === selection.key || key.startsWith(`${selection.key} `);
    case 'prefix':
      return key.startsWith(selection.prefix);
    case 'tag':
      return tagsOf(headers).includes(selection.tag);
  }
}

function partsOf(url: string) {
  const parts = urlPartsOf(url);
  if (parts === undefined) throw new TypeError(`"${url}" was not checked`);
  return parts;
}

function named(host: string, port: number | null): string {
  return port === null || port === 80 ? host : `${host}:${port}`;
}

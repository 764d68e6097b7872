// Which nodes a person's role holds for: all of them, or those that a selection names by prefix, name or tags. Pure.

import type { Json, JsonObject } from '@wayside/protocol';

const PREFIXES_MAX = 50;
const NAMES_MAX = 1_000;
const TAGS_MAX = 10;
const NODE_NAME_CHARACTERS_MAX = 128;
const TAG_CHARACTERS_MAX = 256;

/** A node is in it when a prefix or a name fits, or when it carries every one of the tags. Nothing named = no node. */
export interface NodeSelection {
  prefixes?: string[];
  names?: string[];
  /** Dotted path in the tags of the device's twin -> value. */
  tags?: { [path: string]: string };
}

export type Scope = 'all' | NodeSelection;

const text = (max: number) => ({ type: 'string', minLength: 1, maxLength: max });

/** JSON Schema of a scope. */
export const SCOPE_SCHEMA = {
  description: 'Nodes that the role holds for: "all", or those with one of the prefixes, names, or all of the tags.',
  anyOf: [
    { const: 'all' },
    {
      type: 'object',
      properties: {
        prefixes: { type: 'array', maxItems: PREFIXES_MAX, items: text(NODE_NAME_CHARACTERS_MAX) },
        names: { type: 'array', maxItems: NAMES_MAX, items: text(NODE_NAME_CHARACTERS_MAX) },
        tags: {
          type: 'object',
          maxProperties: TAGS_MAX,
          propertyNames: text(TAG_CHARACTERS_MAX),
          additionalProperties: text(TAG_CHARACTERS_MAX),
        },
      },
      minProperties: 1,
      additionalProperties: false,
    },
  ],
};

export function isAll(scope: Scope): scope is 'all' {
  return scope === 'all';
}

export function needsTags(scopes: readonly Scope[]): boolean {
  return scopes.some((scope) => !isAll(scope) && Object.keys(scope.tags ?? {}).length > 0);
}

/** `tags` = those of the node's twin, {} when it has none. */
export function containsNode(scope: Scope, name: string, tags: JsonObject): boolean {
  if (isAll(scope)) return true;
  if (scope.names?.includes(name)) return true;
  if (scope.prefixes?.some((prefix) => name.startsWith(prefix))) return true;
  const wanted = Object.entries(scope.tags ?? {});
  return wanted.length > 0 && wanted.every(([path, value]) => tagAt(tags, path) === value);
}

/** Does `inner` hold no node that `outer` does not, whatever tags the nodes carry? */
export function isWithin(inner: Scope, outer: Scope): boolean {
  if (isAll(outer)) return true;
  if (isAll(inner)) return false;
  const hasPrefix = (text: string) => outer.prefixes?.some((prefix) => text.startsWith(prefix)) ?? false;
  const prefixes = inner.prefixes ?? [];
  const names = inner.names ?? [];
  const tags = inner.tags ?? {};
  const wanted = Object.entries(outer.tags ?? {});
  const tagsFit =
    Object.keys(tags).length === 0 ||
    (wanted.length > 0 && wanted.every(([path, value]) => tagOf(tags, path) === value));
  return prefixes.every(hasPrefix) && names.every((name) => hasPrefix(name) || outer.names?.includes(name)) && tagsFit;
}

/** For texts: `all nodes`, `nodes lon-*, site1, tag region=eu`. */
export function scopeText(scope: Scope): string {
  if (isAll(scope)) return 'all nodes';
  const prefixes = (scope.prefixes ?? []).map((prefix) => `${prefix}*`);
  const tags = Object.entries(scope.tags ?? {}).map(([path, value]) => `${path}=${value}`);
  const parts = [...prefixes, ...(scope.names ?? []), ...(tags.length > 0 ? [`tags ${tags.join(' and ')}`] : [])];
  return parts.length === 0 ? 'no node' : `nodes ${parts.join(', ')}`;
}

/** Of the store. What cannot be read holds no node. */
export function readScope(stored: string): Scope {
  try {
    const value = JSON.parse(stored) as Scope | null;
    if (value === 'all' || (typeof value === 'object' && value !== null && !Array.isArray(value))) return value;
  } catch {
    // Falls through: the narrowest answer.
  }
  return {};
}

function tagOf(tags: { [path: string]: string }, path: string): string | undefined {
  return Object.hasOwn(tags, path) ? tags[path] : undefined;
}

function tagAt(tags: JsonObject, path: string): string | undefined {
  let at: Json | undefined = tags;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return typeof at === 'string' || typeof at === 'number' || typeof at === 'boolean' ? String(at) : undefined;
}

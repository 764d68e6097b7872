// What a change changed, as a list of paths with the values before and after, secrets masked and everything bounded. Pure.

import { redactSecrets } from '@wayside/kit';
import { type Json, jsonEqual } from '@wayside/protocol';

/** Paths named in one entry; what is beyond is counted. */
const CHANGES_MAX = 100;
const VALUE_CHARACTERS_MAX = 300;
const PATH_CHARACTERS_MAX = 500;
const DEPTH_MAX = 24;
/** Stands where a secret is. */
export const MASK = '[secret]';
/** Names under which a secret stands, whatever is below them. */
const SECRET_NAME =
  /(password|passwd|secret|token|credential|authorization|sharedaccess|connectionstring|signature|(^|[a-z_-])keys?$|^sig$)/i;
/** `NAME=value` inside a text such as createOptions. */
const SECRET_VARIABLE = /([A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIALS?|KEY)[A-Z0-9_]*=)[^"\\\s]+/gi;

/** `before` absent = it was added, `after` absent = it was removed. */
export interface Change {
  path: string;
  before?: Json;
  after?: Json;
}

/** undefined for a side = the whole did not exist. Both undefined: no changes. */
export function difference(before: Json | undefined, after: Json | undefined): Change[] {
  const changes: Change[] = [];
  let left = 0;
  const add = (change: Change) => {
    if (changes.length < CHANGES_MAX) changes.push(change);
    else left += 1;
  };
  walk('', before, after, 0, false, add);
  if (left > 0) changes.push({ path: '...', after: `${left} further changes` });
  return changes;
}

/** A value as the log shows it. */
export function masked(value: Json, depth = 0): Json {
  if (typeof value === 'string') return shorten(maskVariables(redactSecrets(value)));
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_MAX) return '...';
  if (Array.isArray(value)) return value.slice(0, CHANGES_MAX).map((item) => masked(item, depth + 1));
  const entries = Object.entries(value).slice(0, CHANGES_MAX);
  return Object.fromEntries(
    entries.map(([name, item]) => [name, isSecretName(name) && item !== null ? MASK : masked(item, depth + 1)]),
  );
}

/** `DB_PASSWORD=word` -> `DB_PASSWORD=[secret]`, anywhere in a text. */
export function maskVariables(text: string): string {
  return text.replace(SECRET_VARIABLE, `$1${MASK}`);
}

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

function walk(
  path: string,
  before: Json | undefined,
  after: Json | undefined,
  depth: number,
  isSecret: boolean,
  add: (change: Change) => void,
): void {
  if (before === undefined ? after === undefined : after !== undefined && jsonEqual(before, after)) return;
  if (!isSecret && depth < DEPTH_MAX && isBranch(before, after, depth)) {
    const isList = Array.isArray(before ?? after);
    for (const name of new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])) {
      const step = isList ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      walk(step, childOf(before, name), childOf(after, name), depth + 1, isSecretName(name), add);
    }
    return;
  }
  add({
    path: path.slice(0, PATH_CHARACTERS_MAX),
    ...(before === undefined ? {} : { before: isSecret && before !== null ? MASK : shown(before) }),
    ...(after === undefined ? {} : { after: isSecret && after !== null ? MASK : shown(after) }),
  });
}

/** Both sides are of one kind and are gone into; a new or removed document is listed by its fields, not as a whole. */
function isBranch(before: Json | undefined, after: Json | undefined, depth: number): boolean {
  if (isNode(before) && isNode(after)) return Array.isArray(before) === Array.isArray(after);
  return depth === 0 && ((before === undefined && isNode(after)) || (after === undefined && isNode(before)));
}

function isNode(value: Json | undefined): value is Json & object {
  return typeof value === 'object' && value !== null;
}

function childOf(value: Json | undefined, name: string): Json | undefined {
  return isNode(value) && Object.hasOwn(value, name) ? (value as { [name: string]: Json })[name] : undefined;
}

function shown(value: Json): Json {
  const safe = masked(value);
  if (typeof safe !== 'object' || safe === null) return safe;
  const text = JSON.stringify(safe);
  return text.length <= VALUE_CHARACTERS_MAX ? safe : shorten(text);
}

function shorten(text: string): string {
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}...` : text;
}

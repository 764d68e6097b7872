// `properties.desired[.a.b]`: the keys of configuration contents, and setting and removing what they name. Pure.

import { isJsonObject, type Json, type JsonObject, ownValue, setOwnValue } from '@wayside/protocol';

/** Key of a module's whole desired section in modulesContent. */
export const DESIRED_KEY = 'properties.desired';

/** Names inside a desired section, outermost first; [] = the section itself. */
export type DesiredPath = readonly string[];

/** undefined when the key names nothing in a desired section. */
export function parseDesiredKey(key: string): DesiredPath | undefined {
  if (key === DESIRED_KEY) return [];
  if (!key.startsWith(`${DESIRED_KEY}.`)) return undefined;
  const path = key.slice(DESIRED_KEY.length + 1).split('.');
  return path.every((name) => name !== '') ? path : undefined;
}

export function pathText(path: DesiredPath): string {
  return [DESIRED_KEY, ...path].join('.');
}

/** A copy in which the whole value stands at the path; null removes what is there. What is in the way is replaced. */
export function withPath(section: JsonObject, path: DesiredPath, value: Json): JsonObject {
  if (value === null) return withoutPath(section, path);
  const [name, ...rest] = path;
  if (name === undefined) return isJsonObject(value) ? value : section;
  const copy = { ...section };
  const inner = ownValue(section, name);
  setOwnValue(copy, name, rest.length === 0 ? value : withPath(isJsonObject(inner) ? inner : {}, rest, value));
  return copy;
}

/** A copy without the path, and without the objects that become empty by it. */
export function withoutPath(section: JsonObject, path: DesiredPath): JsonObject {
  const [name, ...rest] = path;
  if (name === undefined) return {};
  if (!Object.hasOwn(section, name)) return section;
  const { [name]: inner, ...others } = section;
  if (rest.length === 0) return others;
  if (!isJsonObject(inner)) return section;
  const left = withoutPath(inner, rest);
  if (left === inner) return section;
  if (Object.keys(left).length === 0) return others;
  const copy = { ...section };
  setOwnValue(copy, name, left);
  return copy;
}

/** Does `outer` name `inner` or something that holds it? */
export function covers(outer: DesiredPath, inner: DesiredPath): boolean {
  return outer.length <= inner.length && outer.every((name, index) => inner[index] === name);
}

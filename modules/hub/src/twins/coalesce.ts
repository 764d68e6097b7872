// Two merge patches into one that does what both do, one after the other. Unlike a merge into a document, nulls stay: they still delete.

import type { Json, JsonObject } from '@wayside/protocol';

/** Twins are at most 10 deep; a patch was checked before it comes here. */
const DEPTH_MAX = 64;

export function coalescePatches(first: JsonObject, second: JsonObject, depth = 0): JsonObject {
  if (depth > DEPTH_MAX) throw new RangeError(`Patch is nested deeper than ${DEPTH_MAX}`);
  const result = new Map<string, Json>(Object.entries(first));
  for (const [key, value] of Object.entries(second)) {
    const before = result.get(key);
    result.set(key, isObject(value) && isObject(before) ? coalescePatches(before, value, depth + 1) : value);
  }
  return Object.fromEntries(result);
}

function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

// The patch that tells a connected client of a replaced section: all that is there, and null for what went away.

import type { Json, JsonObject } from '@wayside/protocol';

export function replacementPatch(before: JsonObject, after: JsonObject): JsonObject {
  const entries: [string, Json][] = [];
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) entries.push([key, null]);
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    entries.push([key, isObject(value) && isObject(old) ? replacementPatch(old, value) : value]);
  }
  return Object.fromEntries(entries) as JsonObject;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

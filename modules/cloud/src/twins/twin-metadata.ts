// $metadata of a twin section: the same tree as the properties, with the time (and version) of the last change at every level.

import type { Json, JsonObject } from '@wayside/protocol';

export interface MetadataStamp {
  /** ISO 8601 UTC. */
  $lastUpdated: string;
  /** Desired sections only. */
  $lastUpdatedVersion?: number;
}

/** Metadata after the merge patch `patch` was applied. Inputs stay as they are. */
export function patchMetadata(metadata: JsonObject, patch: JsonObject, stamp: MetadataStamp): JsonObject {
  const children = new Map<string, Json>();
  for (const [key, value] of Object.entries(metadata)) if (!key.startsWith('$')) children.set(key, value);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) children.delete(key);
    else children.set(key, describe(children.get(key), value, stamp));
  }
  // fromEntries defines own properties, so a key named __proto__ stays a key.
  return Object.fromEntries([...Object.entries(stamp), ...children]) as JsonObject;
}

function describe(known: Json | undefined, value: Json, stamp: MetadataStamp): Json {
  if (!isObject(value)) return { ...stamp } as JsonObject;
  return patchMetadata(isObject(known) ? known : {}, value, stamp);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

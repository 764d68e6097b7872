// Reads payloads of direct methods: every wrong field is named with its value and what is wanted.

import { EdgeError } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';

const SCHEMA_VERSION = /^1(\.\d+)?$/;

export function invalid(field: string, found: Json | undefined, wanted: string): EdgeError {
  const shown = found === undefined ? 'missing' : JSON.stringify(found).slice(0, 100);
  return new EdgeError('AGENT_METHOD_INVALID', `Cannot use the request: ${field} is ${shown}, wanted ${wanted}`, {
    source: 'downstream',
    details: { field },
  });
}

/** The payload as an object with schemaVersion 1.x. */
export function readRequest(payload: Json | undefined): JsonObject {
  if (payload === null || payload === undefined || typeof payload !== 'object' || Array.isArray(payload))
    throw invalid('payload', payload, 'an object');
  const version = payload.schemaVersion;
  if (typeof version !== 'string' || !SCHEMA_VERSION.test(version)) throw invalid('schemaVersion', version, '"1.0"');
  return payload;
}

export function readText(request: JsonObject, field: string): string {
  const value = request[field];
  if (typeof value !== 'string' || value.trim() === '') throw invalid(field, value, 'a text that is not empty');
  return value;
}

/** Absent or null = undefined. */
export function readOptionalText(request: JsonObject, field: string): string | undefined {
  return request[field] === undefined || request[field] === null ? undefined : readText(request, field);
}

/** One of the given words in any case; absent = the first. */
export function readWord<T extends string>(request: JsonObject, field: string, words: readonly [T, ...T[]]): T {
  const value = request[field];
  if (value === undefined || value === null) return words[0];
  const match = words.find((word) => typeof value === 'string' && word === value.toLowerCase());
  if (match === undefined) throw invalid(field, value, words.map((word) => `"${word}"`).join(' or '));
  return match;
}

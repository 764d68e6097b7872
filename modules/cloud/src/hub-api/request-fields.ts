// Reading headers, queries and bodies of a request, strictly: ids, If-Match, JSON objects, whole numbers.

import type { JsonObject } from '@wayside/protocol';
import type { Request } from 'express';
import { refusal } from '../errors.ts';

/** A path parameter; express has decoded it. */
export function pathId(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

/** If-Match without weak prefix and quotes: an etag, '*' (quoted or not), or undefined when the header is absent. */
export function ifMatch(request: Request): string | undefined {
  const header = request.headers['if-match']?.trim();
  if (!header) return undefined;
  const value = header.replace(/^W\//, '');
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

export function requireIfMatch(request: Request): string {
  const value = ifMatch(request);
  if (value !== undefined) return value;
  throw refusal('CLOUD_ARGUMENT_INVALID', 'Cannot change it without an If-Match header: wanted "*" or the etag');
}

export function bodyObject(request: Request): JsonObject {
  const body: unknown = request.body;
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as JsonObject;
  throw refusal('CLOUD_ARGUMENT_INVALID', `Cannot use the body: it is ${describe(body)}, wanted a JSON object`);
}

/** One header; undefined when it is absent or empty. */
export function headerText(request: Request, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** undefined when the field is absent or null. */
export function objectField(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  throw refusal('CLOUD_ARGUMENT_INVALID', `Cannot use ${name}: it is ${describe(value)}, wanted a JSON object`);
}

/** A whole number of a query or header text within bounds; `fallback` when it is absent. */
export function wholeNumber(
  name: string,
  text: unknown,
  bounds: { min: number; max: number; fallback: number },
): number {
  if (text === undefined || text === '') return bounds.fallback;
  const value = typeof text === 'string' && /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw refusal(
    'CLOUD_ARGUMENT_INVALID',
    `Cannot use ${name}: it is ${JSON.stringify(text)}, wanted a whole number from ${bounds.min} to ${bounds.max}`,
  );
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

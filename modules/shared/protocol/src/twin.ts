// Twin documents and their merge rules (RFC 7396 merge patch plus IoT Hub's limits, iotedge.md 1.8, cloud.md 1.5).

import { isJsonObject as isObject, type Json, type JsonObject, setOwnValue as setOwn } from './json.ts';

/** Largest desired or reported section, by the service's counting (keys + values: strings by characters, numbers 8, booleans 4). */
export const TWIN_SECTION_BYTES_MAX = 32 * 1024;
export const TWIN_TAGS_BYTES_MAX = 8 * 1024;
export const TWIN_DEPTH_MAX = 10;
export const TWIN_STRING_BYTES_MAX = 4096;
export const TWIN_KEY_BYTES_MAX = 1024;
export const TWIN_INTEGER_MIN = -4503599627370496;
export const TWIN_INTEGER_MAX = 4503599627370495;
/** Recursion stops here with a RangeError: far above any legal twin, far below the stack's end. */
const JSON_DEPTH_MAX = 200;
/** A section with more breaches is answered with the first ones. */
const TWIN_PROBLEMS_MAX = 100;

const NUMBER_BYTES = 8;
const BOOLEAN_BYTES = 4;

export type TwinProblem = { path: string; message: string };

export interface TwinProperties {
  desired: JsonObject & { $version: number };
  reported: JsonObject & { $version: number };
}

/** RFC 7396: objects merge recursively, null deletes, arrays and scalars replace. Returns a new object; inputs are not changed; safe for `__proto__` keys. */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  return mergeAt(target, patch, 0);
}

function mergeAt(target: JsonObject, patch: JsonObject, depth: number): JsonObject {
  guardDepth(depth);
  const result: JsonObject = {};
  for (const key of Object.keys(target)) {
    if (!Object.hasOwn(patch, key)) setOwn(result, key, copyJson(target[key] as Json, depth + 1));
  }
  for (const key of Object.keys(patch)) {
    const value = patch[key] as Json;
    if (value === null || value === undefined) continue;
    const old = Object.hasOwn(target, key) ? target[key] : undefined;
    // A patch object over anything else merges into an empty object, which drops its nulls.
    setOwn(
      result,
      key,
      isObject(value) ? mergeAt(isObject(old) ? old : {}, value, depth + 1) : copyJson(value, depth + 1),
    );
  }
  return result;
}

/** Smallest merge patch that turns `from` into `to`; {} when equal. */
export function diffPatch(from: JsonObject, to: JsonObject): JsonObject {
  return diffAt(from, to, 0);
}

function diffAt(from: JsonObject, to: JsonObject, depth: number): JsonObject {
  guardDepth(depth);
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) {
    if (from[key] !== null && isAbsent(to, key)) setOwn(patch, key, null);
  }
  for (const key of Object.keys(to)) {
    const after = to[key] as Json;
    const before = Object.hasOwn(from, key) ? from[key] : undefined;
    if (after === null || after === undefined || jsonEqual(before, after)) continue;
    if (isObject(before) && isObject(after)) setOwn(patch, key, diffAt(before, after, depth + 1));
    else setOwn(patch, key, copyJson(after, depth + 1));
  }
  return patch;
}

/** In a merged document a null is no value. */
function isAbsent(object: JsonObject, key: string): boolean {
  return !Object.hasOwn(object, key) || object[key] === null || object[key] === undefined;
}

/** Every breach of the twin limits in a section (before or after merge); [] = fine. Names the offending path and current and allowed value. */
export function checkTwinSection(section: JsonObject, limits?: { bytesMax: number }): TwinProblem[] {
  const problems: TwinProblem[] = [];
  checkObject(section, '', 1, problems);
  const bytesMax = limits?.bytesMax ?? TWIN_SECTION_BYTES_MAX;
  // A tree that is too deep is already refused; counting it would recurse as deep.
  if (!problems.some((p) => p.message.startsWith('depth'))) {
    const bytes = twinSectionBytes(section);
    if (bytes > bytesMax) problems.push({ path: '', message: `size is ${bytes} bytes, at most ${bytesMax} may be` });
  }
  return problems;
}

function checkObject(object: JsonObject, path: string, depth: number, problems: TwinProblem[]): void {
  for (const key of Object.keys(object)) {
    if (problems.length >= TWIN_PROBLEMS_MAX) return;
    const at = path === '' ? shownKey(key) : `${path}.${shownKey(key)}`;
    if (!(depth === 1 && isServiceKey(key))) checkKey(key, at, problems);
    checkValue(object[key] as Json, at, depth, problems);
  }
}

/** `$version` and `$metadata` are the service's own and stand at the top only. */
function isServiceKey(key: string): boolean {
  return key === '$version' || key === '$metadata';
}

function shownKey(key: string): string {
  return key.length > 100 ? `${key.slice(0, 100)}...` : key;
}

function checkKey(key: string, path: string, problems: TwinProblem[]): void {
  const bytes = Buffer.byteLength(key);
  if (bytes > TWIN_KEY_BYTES_MAX)
    problems.push({ path, message: `name is ${bytes} bytes, at most ${TWIN_KEY_BYTES_MAX} may be` });
  if (key === '') problems.push({ path, message: 'name is empty' });
  const bad = /[\p{Cc}.$#\s]/u.exec(key);
  if (bad !== null) {
    problems.push({
      path,
      message: `name holds ${JSON.stringify(bad[0])}, no control characters, ".", "$", "#" or whitespace may be`,
    });
  }
}

function checkValue(value: Json, path: string, depth: number, problems: TwinProblem[]): void {
  if (value === null) return;
  switch (typeof value) {
    case 'string': {
      const bytes = Buffer.byteLength(value);
      if (bytes > TWIN_STRING_BYTES_MAX) {
        problems.push({ path, message: `string is ${bytes} bytes, at most ${TWIN_STRING_BYTES_MAX} may be` });
      }
      return;
    }
    case 'number':
      if (
        !Number.isFinite(value) ||
        (Number.isInteger(value) && (value < TWIN_INTEGER_MIN || value > TWIN_INTEGER_MAX))
      ) {
        problems.push({ path, message: `number is ${value}, wanted ${TWIN_INTEGER_MIN} to ${TWIN_INTEGER_MAX}` });
      }
      return;
    case 'boolean':
      return;
    case 'object':
      break;
    default:
      problems.push({ path, message: `type is ${typeof value}, wanted a JSON value` });
      return;
  }
  if (depth >= TWIN_DEPTH_MAX) {
    problems.push({ path, message: `depth is more than ${TWIN_DEPTH_MAX} levels` });
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => {
      if (item === null) problems.push({ path: `${path}[${i}]`, message: 'is null, which an array may not hold' });
      else checkValue(item, `${path}[${i}]`, depth + 1, problems);
    });
  } else {
    checkObject(value, path, depth + 1, problems);
  }
}

/** Size by the service's counting, in bytes. `$version` and `$metadata` at the top do not count. */
export function twinSectionBytes(section: JsonObject): number {
  let bytes = 0;
  for (const key of Object.keys(section)) {
    if (!isServiceKey(key)) bytes += textBytes(key) + valueBytes(section[key] as Json, 1);
  }
  return bytes;
}

function valueBytes(value: Json, depth: number): number {
  guardDepth(depth);
  if (value === null || value === undefined) return 0;
  if (typeof value === 'string') return textBytes(value);
  if (typeof value === 'number') return NUMBER_BYTES;
  if (typeof value === 'boolean') return BOOLEAN_BYTES;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + valueBytes(item, depth + 1), 0);
  return Object.keys(value).reduce((sum, key) => sum + textBytes(key) + valueBytes(value[key] as Json, depth + 1), 0);
}

/** UTF-8 bytes without control characters (cloud.md 1.6). */
function textBytes(text: string): number {
  return Buffer.byteLength(text.replace(/\p{Cc}/gu, ''));
}

/** Deep equality of JSON values, key order ignored. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  return equalAt(a, b, 0);
}

function equalAt(a: unknown, b: unknown, depth: number): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  guardDepth(depth);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => equalAt(item, b[i], depth + 1));
  }
  const left = a as JsonObject;
  const right = b as JsonObject;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && equalAt(left[key], right[key], depth + 1));
}

/** A deep copy that shares nothing with its source. */
function copyJson(value: Json, depth: number): Json {
  guardDepth(depth);
  if (Array.isArray(value)) return value.map((item) => copyJson(item, depth + 1));
  if (!isObject(value)) return value;
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) setOwn(copy, key, copyJson(value[key] as Json, depth + 1));
  return copy;
}

function guardDepth(depth: number): void {
  if (depth > JSON_DEPTH_MAX) throw new RangeError(`JSON is nested deeper than ${JSON_DEPTH_MAX} levels`);
}

// Reads fields of a desired section and gathers every problem instead of stopping at the first.

import { isJsonObject, type Json, type JsonObject, ownValue } from './json.ts';
import type { Problem } from './manifest.ts';

/** A shown value is cut at this many characters. */
const SHOWN_CHARS_MAX = 80;

/** One object of the section, its path, and the list all readers share. */
export class DesiredReader {
  readonly object: JsonObject;
  readonly path: string;
  readonly problems: Problem[];

  constructor(object: JsonObject, path: string, problems: Problem[]) {
    this.object = object;
    this.path = path;
    this.problems = problems;
  }

  /** Names of the fields; `$version` and `$metadata` are the service's own. */
  keys(): string[] {
    return Object.keys(this.object).filter((key) => key !== '$version' && key !== '$metadata');
  }

  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  problem(key: string, message: string): void {
    this.problems.push({ path: key === '' ? this.path : this.at(key), message });
  }

  value(key: string): Json | undefined {
    const value = ownValue(this.object, key);
    return value === null ? undefined : value;
  }

  /** The object below; an empty one when it is absent or wrong (then a problem is noted). */
  child(key: string, presence: 'required' | 'optional'): DesiredReader {
    const value = this.value(key);
    if (value === undefined && presence === 'required') this.problem(key, 'is missing');
    if (value !== undefined && !isJsonObject(value)) this.problem(key, `is ${show(value)}, wanted an object`);
    return new DesiredReader(isJsonObject(value) ? value : {}, this.at(key), this.problems);
  }

  string(key: string, fallback?: string): string {
    const value = this.value(key);
    if (typeof value === 'string') return value;
    if (value !== undefined) this.problem(key, `is ${show(value)}, wanted a string`);
    else if (fallback === undefined) this.problem(key, 'is missing');
    return fallback ?? '';
  }

  /** One of the names, whatever its case; answered as listed. */
  choice<T extends string>(key: string, names: readonly T[], fallback?: T): T {
    const value = this.value(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (value === undefined) this.problem(key, `is missing, wanted one of ${names.join(', ')}`);
    const wanted = typeof value === 'string' ? value.trim().toLowerCase() : undefined;
    const found = names.find((name) => name === wanted);
    if (found === undefined && value !== undefined)
      this.problem(key, `is ${show(value)}, wanted one of ${names.join(', ')}`);
    return found ?? (names[0] as T);
  }

  /** A whole number in the range, both ends included. */
  integer(key: string, range: { min: number; max: number }, fallback?: number): number {
    const value = this.value(key);
    if (value === undefined) {
      if (fallback === undefined) this.problem(key, 'is missing');
      return fallback ?? range.min;
    }
    if (typeof value === 'number' && Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    this.problem(key, `is ${show(value)}, wanted a whole number from ${range.min} to ${range.max}`);
    return fallback ?? range.min;
  }
}

/** A value as it stands in a problem's text. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isJsonObject(value)) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}

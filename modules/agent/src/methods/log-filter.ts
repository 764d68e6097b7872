// Selects and shapes log lines for GetModuleLogs: level, regex, tail; text or JSON records. Pure (iotedge.md 2.6).

import { parseTimeArgument } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { invalid } from './method-request.ts';
import { SafePattern } from './safe-pattern.ts';

/** Lines without a level count as informational. */
const LEVEL_DEFAULT = 6;
const LEVEL_MAX = 7;
const LINE = /^(?:<(\d)>)?\s*(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3} [+-]\d{2}:\d{2})\s?([\s\S]*)$/;

export interface LogFilter {
  tail?: number;
  /** UNIX seconds. */
  since?: number;
  until?: number;
  /** Lines of this level or more urgent ones (smaller numbers). */
  loglevel?: number;
  regex?: SafePattern;
}

export interface LogRecord {
  iothub: string;
  device: string;
  id: string;
  stream: string;
  loglevel: number;
  text: string;
  timestamp: string | null;
}

export function readLogFilter(value: Json | undefined, field: string, nowMs: number): LogFilter {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(field, value, 'an object');
  const filter: LogFilter = {};
  if (given(value.tail)) filter.tail = readInteger(value.tail, `${field}.tail`, 1, Number.MAX_SAFE_INTEGER);
  if (given(value.loglevel)) filter.loglevel = readInteger(value.loglevel, `${field}.loglevel`, 0, LEVEL_MAX);
  if (given(value.since)) filter.since = readTime(value.since, `${field}.since`, nowMs);
  if (given(value.until)) filter.until = readTime(value.until, `${field}.until`, nowMs);
  if (given(value.regex)) filter.regex = readPattern(value.regex, `${field}.regex`, '');
  return filter;
}

function given(value: Json | undefined): value is Exclude<Json, null> {
  return value !== undefined && value !== null;
}

function readInteger(value: Json, field: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(field, value, `a whole number from ${min} to ${max}`);
}

function readTime(value: Json, field: string, nowMs: number): number {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string') {
    try {
      return Math.floor(parseTimeArgument(text, nowMs).getTime() / 1000);
    } catch {
      // Said below with the field's name.
    }
  }
  throw invalid(field, value, 'a duration such as "90m", an RFC 3339 time or UNIX seconds');
}

function readPattern(value: Json, field: string, flags: '' | 'i'): SafePattern {
  if (typeof value === 'string') {
    try {
      return new SafePattern(value, flags);
    } catch {
      // Said below with the field's name.
    }
  }
  throw invalid(field, value, 'a regular expression of 1 to 500 characters');
}

/** Level and time of one line in the grammar `<L> yyyy-MM-dd HH:mm:ss.fff zzz text`. */
export function parseLogLine(line: string): { loglevel: number; timestamp: string | null; text: string } {
  const match = LINE.exec(line);
  if (!match) return { loglevel: LEVEL_DEFAULT, timestamp: null, text: line };
  const loglevel = match[1] === undefined ? LEVEL_DEFAULT : Number(match[1]);
  const at = new Date((match[2] as string).replace(' ', 'T').replace(' ', ''));
  return {
    loglevel,
    timestamp: Number.isNaN(at.getTime()) ? null : at.toISOString(),
    text: match[3] as string,
  };
}

/** First since/until (the engine has done that), then level and regex, then tail. */
export function filterLines(log: string, filter: LogFilter): string[] {
  const lines = log.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  const { loglevel, regex, tail } = filter;
  const leveled = loglevel === undefined ? lines : lines.filter((line) => parseLogLine(line).loglevel <= loglevel);
  const hits = regex?.matches(leveled);
  const kept = hits ? leveled.filter((_line, index) => hits[index]) : leveled;
  return tail === undefined ? kept : kept.slice(-tail);
}

export function toRecords(lines: string[], source: { iothub: string; device: string; id: string }): LogRecord[] {
  return lines.map((line) => {
    const { loglevel, timestamp, text } = parseLogLine(line);
    return { ...source, stream: 'stdout', loglevel, text, timestamp };
  });
}

/** pattern undefined = every module. */
export type LogItem = { pattern: SafePattern | undefined; filter: LogFilter };

/** `items`: one object or a list; `id` is a regular expression (any case) or "all". */
export function readLogItems(request: JsonObject, nowMs: number): LogItem[] {
  const given = Array.isArray(request.items) ? request.items : [request.items];
  return given.map((item, index) => {
    const field = `items[${index}]`;
    if (item === null || typeof item !== 'object' || Array.isArray(item)) throw invalid(field, item, '{id, filter}');
    if (typeof item.id !== 'string') throw invalid(`${field}.id`, item.id, 'a regular expression or "all"');
    const pattern = item.id.toLowerCase() === 'all' ? undefined : readPattern(item.id, `${field}.id`, 'i');
    return { pattern, filter: readLogFilter(item.filter, `${field}.filter`, nowMs) };
  });
}

/** First item that matches a module wins; modules in the order given. */
export function matchItems(names: readonly string[], items: LogItem[]): { id: string; filter: LogFilter }[] {
  const hits = items.map((item) => item.pattern?.matches(names) ?? names.map(() => true));
  return names.flatMap((id, at) => {
    const item = items.find((_item, index) => hits[index]?.[at]);
    return item ? [{ id, filter: item.filter }] : [];
  });
}

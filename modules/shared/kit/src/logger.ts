// Log lines in the original's grammar (iotedge.md 2.6), so that GetModuleLogs can filter by level and time:
// `<L> yyyy-MM-dd HH:mm:ss.fff +00:00 [INF] message key=value`. One event is one line; secrets are taken out.

import { createRequire } from 'node:module';
import type { Writable } from 'node:stream';
import type winston from 'winston';
import { describeError } from './edge-error.ts';
import { redactSecrets } from './redact.ts';

export type LogFields = { [name: string]: unknown };

export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}

/** RuntimeLogLevel of the original; `warn` is accepted as `warning`. */
export const LOG_LEVELS = ['fatal', 'error', 'warning', 'info', 'debug', 'verbose'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Named in each line as `module=`. */
  module: string;
  /** Default `info`. Any case; `warn` means `warning`. An unknown name throws a RangeError. */
  level?: string;
  /** Default: standard output. */
  stream?: NodeJS.WritableStream;
  /** Default: the system's clock. */
  nowMs?: () => number;
}

/** A message or one field is cut at this many characters: a log line is no place for bodies. */
export const LOG_TEXT_CHARS_MAX = 4096;

/** Level name -> syslog severity and tag as the original prints them. */
const SEVERITY: { [level in LogLevel]: { digit: number; tag: string } } = {
  fatal: { digit: 0, tag: 'FTL' },
  error: { digit: 3, tag: 'ERR' },
  warning: { digit: 4, tag: 'WRN' },
  info: { digit: 6, tag: 'INF' },
  debug: { digit: 7, tag: 'DBG' },
  verbose: { digit: 7, tag: 'VRB' },
};

const require = createRequire(import.meta.url);
const WINSTON_LEVELS = { fatal: 0, error: 1, warning: 2, info: 3, debug: 4, verbose: 5 };

/** `Info`, `WARN` -> the level's name; undefined when unknown. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const name = text.trim().toLowerCase();
  if (name === 'warn') return 'warning';
  return LOG_LEVELS.find((level) => level === name);
}

/** One finished line without its line feed. */
export function formatLogLine(level: LogLevel, message: string, fields: LogFields, atMs: number): string {
  const { digit, tag } = SEVERITY[level];
  const time = new Date(atMs).toISOString().replace('T', ' ').replace('Z', '');
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${formatField(value)}`)
    .join('');
  return `<${digit}> ${time} +00:00 [${tag}] ${oneLine(redactSecrets(message))}${pairs}`;
}

/** Control characters would forge further lines or drive a terminal. */
function oneLine(text: string): string {
  const cut = text.length > LOG_TEXT_CHARS_MAX ? `${text.slice(0, LOG_TEXT_CHARS_MAX)}...` : text;
  return cut
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replace(/[\p{Cc}\u2028\u2029]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function formatField(value: unknown): string {
  const text = redactSecrets(fieldText(value));
  return /^[^\s"=]+$/.test(text) ? oneLine(text) : oneLine(JSON.stringify(text));
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return describeError(value);
  if (value !== null && typeof value === 'object') {
    try {
      return JSON.stringify(value) ?? String(value);
    } catch {
      return '[unprintable]';
    }
  }
  return String(value);
}

/** A logger that writes to standard output (or `stream`). */
export function createLogger(options: LoggerOptions): Logger {
  const level = parseLogLevel(options.level ?? 'info');
  if (level === undefined) {
    throw new RangeError(`Cannot make a logger: level is "${options.level}", wanted one of ${LOG_LEVELS.join(', ')}`);
  }
  const nowMs = options.nowMs ?? Date.now;
  let sink: winston.Logger | undefined;
  const write: WriteLine = (name, message, fields) => {
    // Loaded by the first line that is wanted: it is a tenth of a program's start, and a server answers before it says so.
    if (WINSTON_LEVELS[name] > WINSTON_LEVELS[level]) return;
    sink ??= makeSink(level, (options.stream ?? process.stdout) as Writable, nowMs);
    sink.log({ level: name, message, fields });
  };
  return wrap(write, { module: options.module });
}

type WriteLine = (level: LogLevel, message: string, fields: LogFields) => void;

function makeSink(level: LogLevel, stream: Writable, nowMs: () => number): winston.Logger {
  const { createLogger: create, format, transports }: typeof winston = require('winston');
  const line = format((info) => {
    const { level: name, message, fields } = info as unknown as { level: LogLevel; message: string; fields: LogFields };
    const symbols = info as unknown as { [symbol: symbol]: string };
    symbols[Symbol.for('message')] = formatLogLine(name, String(message), fields, nowMs());
    return info;
  });
  return create({
    levels: WINSTON_LEVELS,
    level,
    format: line(),
    exitOnError: false,
    transports: [new transports.Stream({ stream, eol: '\n' })],
  });
}

function wrap(write: WriteLine, bound: LogFields): Logger {
  const log = (level: LogLevel) => (message: string, fields?: LogFields) => write(level, message, bind(fields, bound));
  return {
    error: log('error'),
    warn: log('warning'),
    info: log('info'),
    debug: log('debug'),
    child: (fields) => wrap(write, bind(fields, bound)),
  };
}

/** A line's own fields first; what is bound cannot be overwritten by them. */
function bind(fields: LogFields | undefined, bound: LogFields): LogFields {
  const own = Object.entries(fields ?? {}).filter(([name]) => !Object.hasOwn(bound, name));
  return { ...Object.fromEntries(own), ...bound };
}

/** A logger that drops everything; for callers that were given none. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLogger,
};

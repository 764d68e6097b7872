// Durations and points in time as people write them (iotedge.md 2.6): `1d`, `90m`, `2 days 3 hours`, RFC 3339, UNIX seconds.

import { EdgeError } from './edge-error.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msecs?|millis|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, SECOND_MS],
  [/^(m|mins?|minutes?)$/, MINUTE_MS],
  [/^(h|hrs?|hours?)$/, HOUR_MS],
  [/^(d|days?)$/, DAY_MS],
  [/^(w|weeks?)$/, 7 * DAY_MS],
];

/** Longest text looked at; a duration is short. */
const TEXT_CHARS_MAX = 100;
const PART = /^\s*(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]+)(?=[\s\d,]|$),?/i;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})?)?$/i;

/** Milliseconds of `1d`, `90m`, `2 days 3 hours`, `1h30m`. Throws KIT_DURATION_INVALID. */
export function parseDuration(text: string): number {
  let rest = text.trim();
  let totalMs = 0;
  if (rest === '' || rest.length > TEXT_CHARS_MAX) throw durationError(text);
  while (rest !== '') {
    const match = PART.exec(rest);
    const unitMs = UNITS.find(([pattern]) => pattern.test(match?.[2]?.toLowerCase() ?? ''))?.[1];
    if (match === null || unitMs === undefined) throw durationError(text);
    totalMs += Number(match[1]) * unitMs;
    rest = rest.slice(match[0].length).trim();
  }
  if (!Number.isSafeInteger(Math.round(totalMs))) throw durationError(text);
  return Math.round(totalMs);
}

/** RFC 3339 time, UNIX seconds, or a duration before `nowMs`. A time without a zone is UTC. Throws KIT_DURATION_INVALID. */
export function parseTimeArgument(text: string, nowMs: number = Date.now()): Date {
  const trimmed = text.trim();
  if (/^\d{1,12}$/.test(trimmed)) return new Date(Number(trimmed) * SECOND_MS);
  if (RFC_3339.test(trimmed)) {
    const iso = trimmed.toUpperCase().replace(' ', 'T');
    const date = new Date(/(Z|[+-]\d{2}:\d{2})$/.test(iso) || !iso.includes('T') ? iso : `${iso}Z`);
    if (!Number.isNaN(date.getTime())) return date;
  }
  const date = new Date(nowMs - parseDuration(trimmed));
  if (Number.isNaN(date.getTime())) throw durationError(text);
  return date;
}

function durationError(text: string): EdgeError {
  return new EdgeError(
    'KIT_DURATION_INVALID',
    `Cannot read the time "${text.slice(0, TEXT_CHARS_MAX)}": wanted a duration such as 90m or "2 days 3 hours", an RFC 3339 time, or UNIX seconds`,
    { source: 'config' },
  );
}

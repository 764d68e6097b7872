// When a node takes a new version of its modules: at once (fast), or in one window a month (slow; connected-cache.md 1.6, "Auto-update ring").

import { isWhole, show } from '../nodes/field-complaints.ts';

/** A span of local time on one day a month. */
export interface MonthlyWindow {
  /** 1..4: the first to fourth time that the weekday comes in the month. */
  week: number;
  /** 1 = Sunday .. 7 = Saturday, as the original counts. */
  weekday: number;
  /** `hh:mm`, local. */
  from: string;
  /** `hh:mm`, local; not later than `from` = on the next day. */
  to: string;
  /** IANA name, e.g. `Europe/Zurich`. */
  timeZone: string;
}

export type UpdateRing = { ring: 'fast' } | ({ ring: 'slow' } & MonthlyWindow);

export const FAST_RING: UpdateRing = { ring: 'fast' };
export const WEEK_MAX = 4;
export const WEEKDAY_MAX = 7;
export const TIME_PATTERN = '^([01][0-9]|2[0-3]):[0-5][0-9]$';
const TIME = new RegExp(TIME_PATTERN);
const TIME_ZONE_CHARACTERS_MAX = 64;
/** Tag of an image, as the OCI distribution specification has it. */
export const VERSION_PATTERN = '^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$';

interface RingProblem {
  /** Within the ring; '' = the ring. */
  path: string;
  message: string;
}

/** Every problem of what was sent as a ring; none = it is an UpdateRing. */
export function ringProblems(value: unknown): RingProblem[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: '', message: `${show(value)}, wanted {ring: "fast"} or {ring: "slow", ..}` }];
  }
  const given = value as { [key: string]: unknown };
  if (given.ring !== 'fast' && given.ring !== 'slow') {
    return [{ path: 'ring', message: `${show(given.ring)}, wanted "fast" or "slow"` }];
  }
  const wanted: { [field: string]: FieldCheck } = given.ring === 'slow' ? SLOW_CHECKS : {};
  const problems: RingProblem[] = [];
  for (const key of Object.keys(given)) {
    if (key !== 'ring' && !Object.hasOwn(wanted, key)) {
      problems.push({ path: key, message: `is no field of the ring "${given.ring}"` });
    }
  }
  for (const [path, check] of Object.entries(wanted)) {
    if (!check.isGood(given[path])) problems.push({ path, message: `${show(given[path])}, wanted ${check.wanted}` });
  }
  if (problems.length === 0 && given.ring === 'slow' && given.from === given.to) {
    problems.push({ path: 'to', message: `${show(given.to)} is also from, wanted another time` });
  }
  return problems;
}

export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && new RegExp(VERSION_PATTERN).test(value);
}

const time = {
  wanted: 'a time hh:mm from 00:00 to 23:59',
  isGood: (value: unknown) => typeof value === 'string' && TIME.test(value),
};

interface FieldCheck {
  wanted: string;
  isGood(value: unknown): boolean;
}

const SLOW_CHECKS: { [K in keyof MonthlyWindow]: FieldCheck } = {
  week: { wanted: `an integer from 1 to ${WEEK_MAX}`, isGood: (value) => isWhole(value, 1, WEEK_MAX) },
  weekday: {
    wanted: `an integer from 1 (Sunday) to ${WEEKDAY_MAX} (Saturday)`,
    isGood: (value) => isWhole(value, 1, WEEKDAY_MAX),
  },
  from: time,
  to: time,
  timeZone: { wanted: 'a time zone such as "UTC" or "Europe/Zurich"', isGood: isTimeZone },
};

function isTimeZone(value: unknown): boolean {
  if (typeof value !== 'string' || value === '' || value.length > TIME_ZONE_CHARACTERS_MAX) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}

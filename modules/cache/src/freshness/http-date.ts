// HTTP dates (RFC 9110 5.6.7): the fixed form and the two obsolete ones, nothing else. Date.parse takes far more, and a date that
// another recipient reads otherwise must count as invalid (RFC 9111 5.3).

import { knownValues } from './known-values.ts';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})';
const MONTH = `(${MONTHS.join('|')})`;
const SHORT_DAY = '(?:mon|tue|wed|thu|fri|sat|sun)';
const LONG_DAY = '(?:mon|tues|wednes|thurs|fri|satur|sun)day';

const IMF_FIXDATE = new RegExp(`^${SHORT_DAY}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} gmt$`, 'i');
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} gmt$`, 'i');
const ASCTIME = new RegExp(`^${SHORT_DAY} ${MONTH} ( \\d|\\d{2}) ${TIME} (\\d{4})$`, 'i');

/** A two-digit year more than this far ahead lies in the past (RFC 9110 5.6.7). */
const TWO_DIGIT_YEARS_AHEAD_MAX = 50;

/** Milliseconds since 1970; undefined when absent or none of the three forms. Case of names does not matter. */
export function parseHttpDate(text: string | undefined, nowMs = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const fixed = fixedDate(text);
  if (fixed !== null) return fixed;
  const old = RFC_850.exec(text);
  if (old !== null) return toMs(fullYear(Number(old[3]), nowMs), old[2], old[1], old.slice(4, 7));
  const ansi = ASCTIME.exec(text);
  if (ansi !== null) return toMs(ansi[6], ansi[1], ansi[2], ansi.slice(3, 6));
  return undefined;
}

/** null: not in the fixed form. */
const fixedDate = knownValues((text): number | undefined | null => {
  const fixed = IMF_FIXDATE.exec(text);
  return fixed === null ? null : toMs(fixed[3], fixed[2], fixed[1], fixed.slice(4, 7));
});

function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + TWO_DIGIT_YEARS_AHEAD_MAX ? year - 100 : year;
}

function toMs(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | undefined {
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  const at = new Date(
    Date.UTC(
      Number(year),
      MONTHS.indexOf((month ?? '').toLowerCase()),
      Number(day),
      hours,
      minutes,
      Math.min(seconds, 59),
    ),
  );
  // 31 February would roll over into March; second 60 is a leap second (RFC 9110 5.6.7).
  const isReal = at.getUTCDate() === Number(day) && hours < 24 && minutes < 60 && seconds <= 60;
  return isReal ? at.getTime() : undefined;
}

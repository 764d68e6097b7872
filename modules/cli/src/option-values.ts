// Reads the values of options; what cannot be read is told with the wanted form.

import { EdgeError, parseDuration, parseTimeArgument } from '@wayside/kit';
import { InvalidArgumentError } from 'commander';
import type { ErrorCode } from './errors.ts';
import type { Io } from './io.ts';

export function badOption(name: string, value: string, wanted: string): EdgeError {
  return new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, `Cannot read ${name} "${value}": wanted ${wanted}`, {
    details: { name, value },
    source: 'config',
  });
}

/** Value parser of a count: a whole number of at least `min`. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`wanted a whole number from ${min} to ${max}`);
    return value;
  };
}

/** Value parser of one of these words. */
export function oneOf(name: string, words: readonly string[]): (text: string) => string {
  return (text) => {
    if (!words.includes(text)) throw badOption(name, text, words.join(', '));
    return text;
  };
}

export function tailOption(text: string): number | 'all' {
  return text === 'all' ? 'all' : wholeNumber(0)(text);
}

/** Value parser of a duration, such as `90s`; milliseconds. */
export function durationOption(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new InvalidArgumentError('wanted a duration such as 90s, "2 minutes" or 1h');
  }
}

/** Value of a time option: RFC 3339, UNIX seconds or a duration ago. */
export function timeOption(io: Io): (text: string) => Date {
  return (text) => {
    try {
      return parseTimeArgument(text, io.clock.nowMs());
    } catch {
      throw new InvalidArgumentError('wanted RFC 3339, UNIX seconds or a duration such as "1 day" or 90m');
    }
  };
}

export const DAY_MS = 86_400_000;

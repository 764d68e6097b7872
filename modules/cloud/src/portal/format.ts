// Figures as people read them. Used by the server's templates and by the browser's charts, so it knows neither.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const NONE = '–';
const NARROW_SPACE = '\u202f';
const BIT_RATES = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
const VOLUMES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** `8000000` -> `8 Mbit/s`, three figures. */
export function formatBitRate(bitsPerSec: number | null | undefined): string {
  return scaled(bitsPerSec, BIT_RATES);
}

/** Decimal units, as drives are sold. */
export function formatBytes(bytes: number | null | undefined): string {
  return scaled(bytes, VOLUMES);
}

/** 0..1 -> `97.3 %`. */
export function formatShare(share: number | null | undefined): string {
  if (!isFigure(share)) return NONE;
  const percent = share * 100;
  const digits = percent > 0 && percent < 100 ? (percent >= 99.95 || percent < 0.05 ? 2 : 1) : 0;
  return `${percent.toFixed(digits)}${NARROW_SPACE}%`;
}

/** `1234567` -> `1 234 567` with narrow blanks. */
export function formatCount(count: number | null | undefined): string {
  if (!isFigure(count)) return NONE;
  const digits = String(Math.round(count));
  return digits.length <= 4 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);
}

/** `93784000` -> `1 d 2 h`: the two largest units. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < DAY_MS) return twoUnits(ms, HOUR_MS, 'h', MINUTE_MS, 'min');
  return twoUnits(ms, DAY_MS, 'd', HOUR_MS, 'h');
}

/** Plural by a plain `s`: `1 node`, `2 nodes`. */
export function plural(count: number, word: string): string {
  return `${formatCount(count)} ${count === 1 ? word : `${word}s`}`;
}

/** `2026-11-23T01:53:54.123Z` -> `2026-11-23 01:53:54 UTC`. */
export function formatUtc(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`;
}

function twoUnits(ms: number, largeMs: number, large: string, smallMs: number, small: string): string {
  const rest = Math.floor((ms % largeMs) / smallMs);
  return `${Math.floor(ms / largeMs)} ${large}${rest > 0 ? ` ${rest} ${small}` : ''}`;
}

function scaled(amount: number | null | undefined, units: readonly string[]): string {
  if (!isFigure(amount)) return NONE;
  let value = amount;
  let step = 0;
  // 999.5 would be printed as 1000 of the smaller unit.
  while (value >= 999.5 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = step === 0 || value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${NARROW_SPACE}${units[step]}`;
}

function isFigure(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

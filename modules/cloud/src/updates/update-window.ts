// Whether a ring lets a new version out at a moment, and when its window opens next. Pure; local time by Temporal, so months and daylight saving are its own.

import type { MonthlyWindow, UpdateRing } from './update-ring.ts';

/** Milliseconds since 1970; `toMs` is no part of it. */
export interface Span {
  fromMs: number;
  toMs: number;
}

const DAYS_OF_WEEK = 7;

export function isDue(ring: UpdateRing, nowMs: number): boolean {
  const window = nextWindow(ring, nowMs);
  return window === null || window.fromMs <= nowMs;
}

/** The window that is open, else the next one; null = always open. */
export function nextWindow(ring: UpdateRing, nowMs: number): Span | null {
  if (ring.ring === 'fast') return null;
  const here = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(ring.timeZone);
  let month = here.toPlainDate().toPlainYearMonth().subtract({ months: 1 });
  // The month before: a window of its last days may reach into this one. A window is at most a day long, so this ends with the month after next.
  for (;;) {
    const span = windowOf(ring, month);
    if (span.toMs > nowMs) return span;
    month = month.add({ months: 1 });
  }
}

/**
 * Of one month. A time that daylight saving leaves out comes as much later, one that comes twice counts as the first.
 * A window that lies in the hour left out keeps its length.
 */
function windowOf(window: MonthlyWindow, month: Temporal.PlainYearMonth): Span {
  const first = month.toPlainDate({ day: 1 });
  // Temporal counts Monday 1 to Sunday 7.
  const weekday = window.weekday === 1 ? DAYS_OF_WEEK : window.weekday - 1;
  const untilWeekday = (weekday - first.dayOfWeek + DAYS_OF_WEEK) % DAYS_OF_WEEK;
  const day = first.add({ days: untilWeekday + (window.week - 1) * DAYS_OF_WEEK });
  const { timeZone } = window;
  const from = day.toPlainDateTime(Temporal.PlainTime.from(window.from));
  const endDay = window.to <= window.from ? day.add({ days: 1 }) : day;
  const to = endDay.toPlainDateTime(Temporal.PlainTime.from(window.to));
  const fromMs = from.toZonedDateTime(timeZone).epochMilliseconds;
  const toMs = to.toZonedDateTime(timeZone).epochMilliseconds;
  if (toMs > fromMs) return { fromMs, toMs };
  return { fromMs, toMs: fromMs + from.until(to).total('milliseconds') };
}

// When a prefetch may run: a window of local time on some days. Pure.

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Day = (typeof DAYS)[number];
const MINUTES_A_DAY = 1440;
const MINUTE_MS = 60_000;

export interface Schedule {
  /** Minutes since local midnight; `to` below `from` reaches into the next day. */
  window: { fromMinute: number; toMinute: number };
  /** On which the window begins. */
  days: readonly Day[];
  /** IANA name. */
  timeZone: string;
}

/** @returns text of what is wrong instead when it cannot be read */
export function parseSchedule(window: unknown, days: unknown, timeZone: unknown): Schedule | string {
  const match = /^([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)$/.exec(
    typeof window === 'string' ? window.trim() : '',
  );
  if (match === null) return `window is ${JSON.stringify(window)}, wanted HH:MM-HH:MM`;
  const fromMinute = Number(match[1]) * 60 + Number(match[2]);
  const toMinute = Number(match[3]) * 60 + Number(match[4]);
  if (fromMinute === toMinute) return `window is "${window}", wanted an end that differs from the beginning`;
  const names = days === undefined || days === null ? [...DAYS] : listOf(days);
  if (names.length === 0 || !names.every((name): name is Day => (DAYS as readonly string[]).includes(name)))
    return `days is ${JSON.stringify(days)}, wanted some of ${DAYS.join(', ')}`;
  const zone = timeZone ?? 'UTC';
  if (typeof zone !== 'string' || !isTimeZone(zone))
    return `timeZone is ${JSON.stringify(zone)}, wanted an IANA name such as Europe/Berlin`;
  return { window: { fromMinute, toMinute }, days: names as Day[], timeZone: zone };
}

function listOf(days: unknown): string[] {
  const list = typeof days === 'string' ? days.split(',') : Array.isArray(days) ? days : [];
  return list.map((day) => String(day).trim().toLowerCase().slice(0, 3));
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Whether the window is open, and since when: ms since 1970 of its beginning, null while it is closed. */
export function openSinceMs({ window, days, timeZone }: Schedule, nowMs: number): number | null {
  const { day, minute, date } = localTime(nowMs, timeZone);
  const { fromMinute, toMinute } = window;
  const startedAgo = minute - fromMinute;
  const midnightMs = nowMs - (nowMs % MINUTE_MS) - minute * MINUTE_MS;
  const isToday = fromMinute < toMinute ? minute >= fromMinute && minute < toMinute : minute >= fromMinute;
  if (isToday && days.includes(day)) return midnightMs + fromMinute * MINUTE_MS;
  const yesterday = DAYS[(date.index + 6) % 7] as Day;
  if (fromMinute > toMinute && minute < toMinute && startedAgo < 0 && days.includes(yesterday))
    return midnightMs + (fromMinute - MINUTES_A_DAY) * MINUTE_MS;
  return null;
}

/** When it opens next, ms since 1970; within an hour where a clock change lies between. */
export function opensAtMs({ window, days, timeZone }: Schedule, nowMs: number): number {
  const { minute, date } = localTime(nowMs, timeZone);
  for (let ahead = 0; ahead <= 7; ahead += 1) {
    const minutes = ahead * MINUTES_A_DAY + window.fromMinute - minute;
    if (minutes > 0 && days.includes(DAYS[(date.index + ahead) % 7] as Day))
      return nowMs - (nowMs % MINUTE_MS) + minutes * MINUTE_MS;
  }
  return nowMs + 7 * MINUTES_A_DAY * MINUTE_MS;
}

function localTime(nowMs: number, timeZone: string): { day: Day; minute: number; date: { index: number } } {
  const parts = formatOf(timeZone).formatToParts(nowMs);
  const of = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
  const day = of('weekday').toLowerCase().slice(0, 3) as Day;
  return { day, minute: (Number(of('hour')) % 24) * 60 + Number(of('minute')), date: { index: DAYS.indexOf(day) } };
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(timeZone, format);
  }
  return format;
}

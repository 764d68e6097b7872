// Says how long ago something was, in the words of the original's `list` (iotedge.md 5.2): precise up to 20 seconds, rough above.
// Pure: knows neither the clock nor modules.

const MINUTE_SECS = 60;
const HOUR_SECS = 60 * MINUTE_SECS;
const DAY_SECS = 24 * HOUR_SECS;
const WEEK_SECS = 7 * DAY_SECS;
const MONTH_SECS = 30 * DAY_SECS;
const YEAR_SECS = 365 * DAY_SECS;

/** Differences up to this are told unit by unit. */
const PRECISE_NS_MAX = 20n * 1_000_000_000n;

/** Rows are tried from the top; the first whose bound lies under the difference names it. */
const ROUGH: readonly { aboveSecs: number; text: (secs: number) => string }[] = [
  { aboveSecs: 547 * DAY_SECS, text: (n) => `${Math.max(Math.floor(n / YEAR_SECS), 2)} years` },
  { aboveSecs: 345 * DAY_SECS, text: () => 'a year' },
  { aboveSecs: 45 * DAY_SECS, text: (n) => `${Math.max(Math.floor(n / MONTH_SECS), 2)} months` },
  { aboveSecs: 29 * DAY_SECS, text: () => 'a month' },
  { aboveSecs: 10 * DAY_SECS + 12 * HOUR_SECS, text: (n) => `${Math.max(Math.floor(n / WEEK_SECS), 2)} weeks` },
  { aboveSecs: 6 * DAY_SECS + 12 * HOUR_SECS, text: () => 'a week' },
  { aboveSecs: 36 * HOUR_SECS, text: (n) => `${Math.max(Math.floor(n / DAY_SECS), 2)} days` },
  { aboveSecs: 22 * HOUR_SECS, text: () => 'a day' },
  { aboveSecs: 90 * MINUTE_SECS, text: (n) => `${Math.max(Math.floor(n / HOUR_SECS), 2)} hours` },
  { aboveSecs: 45 * MINUTE_SECS, text: () => 'an hour' },
  { aboveSecs: 90, text: (n) => `${Math.max(Math.floor(n / MINUTE_SECS), 2)} minutes` },
  { aboveSecs: 45, text: () => 'a minute' },
  { aboveSecs: 10, text: (n) => `${n} seconds` },
];

/** Text of a difference in nanoseconds; its sign is ignored, as a clock that runs ahead must not break a table. */
export function elapsedText(differenceNs: bigint): string {
  const ns = differenceNs < 0n ? -differenceNs : differenceNs;
  if (ns <= PRECISE_NS_MAX) return preciseText(ns);
  const secs = Number(ns / 1_000_000_000n);
  return (ROUGH.find((row) => secs > row.aboveSecs) ?? { text: () => 'now' }).text(secs);
}

function preciseText(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  const parts = [
    seconds > 0n ? `${seconds} ${seconds === 1n ? 'second' : 'seconds'}` : '',
    unit((ns / 1_000_000n) % 1000n, 'ms'),
    unit((ns / 1000n) % 1000n, 'µs'),
    unit(ns % 1000n, 'ns'),
  ].filter((part) => part !== '');
  const last = parts.pop() ?? '0 seconds';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

function unit(value: bigint, name: string): string {
  return value === 0n ? '' : `${value} ${name}`;
}

/** RFC 3339 time with up to nine fractional digits -> nanoseconds since the epoch; undefined when it is none. */
export function parseTimeNs(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const wholeMs = Date.parse(`${match[1]!.replace(' ', 'T').toUpperCase()}${match[3]!.toUpperCase()}`);
  if (Number.isNaN(wholeMs)) return undefined;
  return BigInt(wholeMs) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

// Range requests (RFC 9110 14): which bytes of a representation are asked for, and what a 206 must say.

/** More ranges than this in one request are answered with the whole representation (RFC 9110 14.2 allows it). */
export const RANGES_MAX = 64;

/** One range as asked: first and last byte inclusive, `last` null = to the end; suffix = the last n bytes. */
export type RangeSpec = { first: number; last: number | null } | { suffix: number };

/** Resolved range: [start, end) in bytes. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The value of the *last* Range header. Clients have a defect that sends two, the old one first (connected-cache 3.8 a),
 * and Node joins repeated headers, so the raw list is read.
 * @param rawHeaders flat list name, value, name, value as Node gives it
 */
export function lastRangeHeader(rawHeaders: readonly string[]): string | undefined {
  for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 5 && name.toLowerCase() === 'range') return rawHeaders[i + 1];
  }
  return undefined;
}

/** Ranges of a header value; undefined when it must be ignored (other unit, bad syntax, too many: RFC 9110 14.2). */
export function parseRange(value: string | undefined): RangeSpec[] | undefined {
  if (value === undefined) return undefined;
  const match = /^\s*bytes\s*=(.*)$/is.exec(value);
  if (!match) return undefined;
  const specs: RangeSpec[] = [];
  for (const part of (match[1] as string).split(',')) {
    const text = part.trim();
    if (text === '') continue;
    const bounds = /^(\d{0,16})-(\d{0,16})$/.exec(text);
    if (!bounds) return undefined;
    const [, from = '', to = ''] = bounds;
    if (from === '' && to === '') return undefined;
    if (from === '') {
      specs.push({ suffix: Number(to) });
    } else {
      const first = Number(from);
      const last = to === '' ? null : Number(to);
      if (last !== null && last < first) return undefined;
      specs.push({ first, last });
    }
  }
  return specs.length === 0 || specs.length > RANGES_MAX ? undefined : specs;
}

/**
 * Satisfiable ranges within a representation, overlapping and touching ones joined (RFC 9110 14.2), in the order asked.
 * An empty list means 416.
 */
export function resolveRanges(specs: readonly RangeSpec[], sizeBytes: number): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = resolveRange(spec, sizeBytes);
    if (range === undefined) continue;
    addJoined(ranges, range);
  }
  return ranges;
}

function resolveRange(spec: RangeSpec, sizeBytes: number): ByteRange | undefined {
  if ('suffix' in spec) {
    if (spec.suffix === 0 || sizeBytes === 0) return undefined;
    return { start: Math.max(0, sizeBytes - spec.suffix), end: sizeBytes };
  }
  if (spec.first >= sizeBytes) return undefined;
  return { start: spec.first, end: spec.last === null ? sizeBytes : Math.min(spec.last + 1, sizeBytes) };
}

function addJoined(ranges: ByteRange[], added: ByteRange): void {
  let { start, end } = added;
  let at = ranges.length;
  for (let i = ranges.length - 1; i >= 0; i -= 1) {
    const other = ranges[i] as ByteRange;
    if (other.start > end || other.end < start) continue;
    start = Math.min(start, other.start);
    end = Math.max(end, other.end);
    ranges.splice(i, 1);
    at = i;
  }
  ranges.splice(at, 0, { start, end });
}

/** `bytes 0-9/100`; a range of null is the unsatisfied form (RFC 9110 14.4, 15.5.17). */
export function contentRange(range: ByteRange | null, sizeBytes: number): string {
  return range === null ? `bytes */${sizeBytes}` : `bytes ${range.start}-${range.end - 1}/${sizeBytes}`;
}

/** Whether a part's Content-Length, where there is one, says the same as its Content-Range. */
export function hasPromisedLength(contentLength: string | undefined, rangeBytes: number): boolean {
  return contentLength === undefined || Number(contentLength) === rangeBytes;
}

/** Content-Range of an origin's answer; undefined when it is not a byte range. `size` null = unknown. */
export function parseContentRange(
  value: string | undefined,
): { start: number; end: number; size: number | null } | { unsatisfied: number | null } | undefined {
  const match = /^\s*bytes\s+(?:(\d{1,16})-(\d{1,16})|\*)\/(\d{1,16}|\*)\s*$/i.exec(value ?? '');
  if (!match) return undefined;
  const size = match[3] === '*' ? null : Number(match[3]);
  if (match[1] === undefined) return { unsatisfied: size };
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  if (end <= start || (size !== null && end > size)) return undefined;
  return { start, end, size };
}

// Answers one object: validators, conditions and byte ranges as RFC 9110 wants them, the body made piece by piece.

import { once } from 'node:events';
import type { Request, Response } from 'express';
import type { Pacer } from './pacer.ts';

/** One object the origin has. */
export interface OriginObject {
  sizeBytes: number;
  contentType: string;
  /** Strong, with quotes. */
  etag: string;
  /** Bytes from `start` on; at most PIECE_BYTES_MAX are asked for at once. */
  read(start: number, length: number): Buffer;
}

/** Bytes held in memory for one answer. */
const PIECE_BYTES_MAX = 64 * 1024;
/** Freshness of all content, seconds. */
const MAX_AGE_SECS = 86_400;
/** All content is this old. */
export const LAST_MODIFIED = new Date(Date.UTC(2026, 0, 1)).toUTCString();

export interface ServeOptions {
  pacer: Pacer | undefined;
  onBytes: (bytes: number) => void;
}

/** 200, 206, 304, 412 or 416; a list of ranges is answered whole (RFC 9110 14.2 allows it). */
export async function serveObject(
  req: Request,
  res: Response,
  object: OriginObject,
  options: ServeOptions,
): Promise<void> {
  res.set({
    'Content-Type': object.contentType,
    'Cache-Control': `public, max-age=${MAX_AGE_SECS}`,
    'Last-Modified': LAST_MODIFIED,
    'Accept-Ranges': 'bytes',
    ETag: object.etag,
  });
  if (preconditionFailed(req, object)) {
    res.status(412).end();
    return;
  }
  if (req.fresh) {
    res.status(304).end();
    return;
  }
  const range = wantedRange(req, object);
  if (range === 'unsatisfiable') {
    res.status(416).set('Content-Range', `bytes */${object.sizeBytes}`).end();
    return;
  }
  const start = range?.start ?? 0;
  const end = range?.end ?? object.sizeBytes - 1;
  if (range !== undefined) res.status(206).set('Content-Range', `bytes ${start}-${end}/${object.sizeBytes}`);
  res.set('Content-Length', String(end - start + 1));
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  await sendBytes(res, object, { start, end }, options);
}

/** If-Match and If-Unmodified-Since (RFC 9110 13.2.2, steps 1 and 2). */
function preconditionFailed(req: Request, object: OriginObject): boolean {
  const ifMatch = req.get('if-match');
  if (ifMatch !== undefined) {
    return ifMatch.trim() !== '*' && !ifMatch.split(',').some((tag) => tag.trim() === object.etag);
  }
  const since = Date.parse(req.get('if-unmodified-since') ?? '');
  return !Number.isNaN(since) && Date.parse(LAST_MODIFIED) > since;
}

/** undefined = the whole object. */
function wantedRange(req: Request, object: OriginObject): { start: number; end: number } | 'unsatisfiable' | undefined {
  // Range means something for GET alone, and only while the validator in If-Range is the current one.
  if (req.method !== 'GET' || !ifRangeHolds(req.get('if-range'), object)) return undefined;
  // A suffix longer than the object means all of it (RFC 9110 14.1.2); the parser takes it for an error.
  const suffix = /^bytes=-(\d+)$/.exec(req.get('range') ?? '');
  if (suffix !== null && object.sizeBytes > 0 && Number(suffix[1]) >= object.sizeBytes)
    return { start: 0, end: object.sizeBytes - 1 };
  const ranges = req.range(object.sizeBytes);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}

/** A weak tag never holds; a date holds when it is the exact one (RFC 9110 13.1.5). */
function ifRangeHolds(validator: string | undefined, object: OriginObject): boolean {
  return validator === undefined || validator === object.etag || validator === LAST_MODIFIED;
}

async function sendBytes(
  res: Response,
  object: OriginObject,
  range: { start: number; end: number },
  options: ServeOptions,
): Promise<void> {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  try {
    for (let at = range.start; at <= range.end; ) {
      const length = Math.min(PIECE_BYTES_MAX, range.end - at + 1);
      await options.pacer?.take(length, gone.signal);
      if (gone.signal.aborted) return;
      options.onBytes(length);
      if (!res.write(object.read(at, length))) await once(res, 'drain', { signal: gone.signal });
      at += length;
    }
    res.end();
  } catch (error) {
    // The client went away: nobody is left to be told.
    if (!gone.signal.aborted) throw error;
  }
}

// The body of a request that is passed on: streamed, never held, never longer than the limit.

import { type Readable, Transform } from 'node:stream';
import { EdgeError } from '@wayside/kit';
import type { RequestHead } from '../listen/exchange.ts';

/** Longest body passed on, bytes. */
export const REQUEST_BODY_BYTES_MAX = 1024 * 1024 * 1024;

/** RFC 9112 6.3: a request has a body when it is framed. */
export function hasBody(request: RequestHead): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

/**
 * The body as a stream that fails with CACHE_REQUEST_TOO_LARGE above the limit (throws at once when the length says so), and with
 * CACHE_CLIENT_LEFT when the client goes before its end. The connection stays whole whatever becomes of the stream: an answer may follow.
 */
export function boundedBody(request: RequestHead, bytesMax = REQUEST_BODY_BYTES_MAX): Readable {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) throw tooLarge(announced, bytesMax);
  let bytes = 0;
  const counted = new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      if (bytes > bytesMax) done(tooLarge(bytes, bytesMax));
      else done(null, piece);
    },
  });
  const source = request as unknown as Readable;
  const onGone = () => {
    if (!source.readableEnded) counted.destroy(clientLeft(bytes));
  };
  source.once('close', onGone);
  source.once('error', onGone);
  counted.once('close', () => {
    source.off('close', onGone);
    source.unpipe(counted);
    source.resume();
  });
  return source.pipe(counted);
}

function clientLeft(bytes: number): EdgeError {
  return new EdgeError('CACHE_CLIENT_LEFT', `Cannot pass on a body: its client left after ${bytes} bytes`, {
    source: 'downstream',
    retry: 'never',
  });
}

function tooLarge(bytes: number, bytesMax: number): EdgeError {
  return new EdgeError(
    'CACHE_REQUEST_TOO_LARGE',
    `Cannot pass on a body of ${bytes} bytes: wanted at most ${bytesMax}`,
    {
      source: 'downstream',
      retry: 'never',
    },
  );
}

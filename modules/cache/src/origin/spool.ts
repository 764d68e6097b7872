// Bodies without a length are received whole before anything is answered: clients need Content-Length (connected-cache 3.8 c, d).
// The file is unlinked at once after opening, so nothing is left behind whatever happens.

import { close, createReadStream, open, unlink, write } from 'node:fs';
import { join } from 'node:path';
import { EdgeError } from '@wayside/kit';
import type { BodyReceiver, OpenResponse } from './origin-gate.ts';

/** Longest body without a length; the client waits for all of it. */
const SPOOL_BYTES_MAX = 1024 * 1024 * 1024;
/** All such bodies together, bytes: they lie beside the drive's cap. */
export const SPOOLED_BYTES_MAX = 4 * 1024 * 1024 * 1024;
/** Longest time for such a body: clients leave after 20 s of silence, but what was spooled serves the next one. */
const SPOOL_TIME_MS_MAX = 120_000;
const UNWRITTEN_BYTES_MAX = 4 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

let spoolNumber = 0;
let spooledBytes = 0;

/** Receives the whole body into a nameless file and gives it back as a response with a length. */
export async function spool(response: OpenResponse, directory: string): Promise<OpenResponse> {
  const path = join(directory, `spool-${process.pid}-${spoolNumber++}`);
  const fd = await new Promise<number>((resolve, reject) => {
    open(path, 'wx+', 0o600, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  unlink(path, () => {});
  try {
    const size = await receive(response, fd);
    const headers = { ...response.head.headers, 'content-length': String(size) };
    delete (headers as Record<string, string>)['transfer-encoding'];
    return new SpooledResponse(response, { status: response.head.status, headers }, fd, size);
  } catch (error) {
    // Only now: nothing is being written any more that could meet another file under the same number.
    close(fd, () => {});
    throw error;
  }
}

/** Settles when no write is under way any more. A body that fails takes nothing of SPOOLED_BYTES_MAX. */
function receive(response: OpenResponse, fd: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = 0;
    let written = 0;
    let writes = 0;
    let hasEnded = false;
    let failure: Error | null = null;
    let isSettled = false;
    const settle = () => {
      if (isSettled || writes > 0 || !(hasEnded || failure !== null)) return;
      isSettled = true;
      clearTimeout(timer);
      if (failure === null) return resolve(received);
      spooledBytes -= received;
      reject(failure);
    };
    const fail = (error: Error) => {
      if (failure !== null) return;
      failure = error;
      response.abort();
      settle();
    };
    const timer = setTimeout(() => fail(tooMuch(`it takes longer than ${SPOOL_TIME_MS_MAX} ms`)), SPOOL_TIME_MS_MAX);
    response.attach({
      onData(piece) {
        if (failure !== null) return;
        const at = received;
        received += piece.length;
        spooledBytes += piece.length;
        if (received > SPOOL_BYTES_MAX) return fail(tooMuch(`it has more than ${SPOOL_BYTES_MAX} bytes`));
        if (spooledBytes > SPOOLED_BYTES_MAX)
          return fail(tooMuch(`all of them have more than ${SPOOLED_BYTES_MAX} bytes`));
        if (received - written > UNWRITTEN_BYTES_MAX) response.pause();
        writes += 1;
        write(fd, piece, 0, piece.length, at, (error, bytes) => {
          writes -= 1;
          if (error) fail(error);
          else if (bytes < piece.length) fail(new Error('a body could be written in part only'));
          written += piece.length;
          if (failure === null && received - written < UNWRITTEN_BYTES_MAX / 2) response.resume();
          settle();
        });
      },
      onEnd() {
        hasEnded = true;
        settle();
      },
      onError: fail,
    });
  });
}

function tooMuch(why: string): EdgeError {
  return new EdgeError('CACHE_ORIGIN_ANSWER_INVALID', `Cannot take a body without a length: ${why}`, {
    source: 'upstream',
  });
}

class SpooledResponse implements OpenResponse {
  readonly head: OpenResponse['head'];
  readonly requestAtMs: number;
  readonly responseAtMs: number;
  readonly #stream: ReturnType<typeof createReadStream>;

  constructor(original: OpenResponse, head: OpenResponse['head'], fd: number, size: number) {
    this.head = head;
    this.requestAtMs = original.requestAtMs;
    this.responseAtMs = original.responseAtMs;
    this.#stream = createReadStream('', { fd, start: 0, end: Math.max(0, size - 1), highWaterMark: READ_BYTES });
    this.#stream.once('close', () => {
      spooledBytes -= size;
    });
  }

  attach(receiver: BodyReceiver): void {
    this.#stream.on('data', (piece) => receiver.onData(piece as Buffer));
    this.#stream.once('end', () => receiver.onEnd());
    this.#stream.once('error', (error) => {
      receiver.onError(new EdgeError('CACHE_DRIVE_FAILED', 'Cannot read a spooled body', { cause: error }));
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  abort(): void {
    this.#stream.destroy();
  }
}

// Sends a module's log as the engine frames it (8 bytes header: stream, three zeros, length), which is what every client expects.

import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import type { LogQuery } from '../containers/engine.ts';
import type { Modules } from '../containers/modules.ts';

const HEADER_BYTES = 8;
const STDOUT = 1;

export async function sendLogs(modules: Modules, name: string, query: LogQuery, response: Response): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { stream, tty } = await modules.logs(name, query, gone.signal);
  response.status(200).type('text/plain');
  response.flushHeaders();
  try {
    await (tty ? pipeline(stream, framing(), response) : pipeline(stream, response));
  } catch (error) {
    // The client went away in the middle of a follow: nothing to answer any more.
    if (!gone.signal.aborted) throw error;
  }
}

/** A container with a terminal has no frames; its text becomes standard output. */
export function framing(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, Buffer.concat([frameHeader(chunk.length), chunk]));
    },
  });
}

function frameHeader(length: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = STDOUT;
  header.writeUInt32BE(length, 4);
  return header;
}

/** Takes the frames off again; the text of both streams in the order it came. */
export function unframing(): Transform {
  let rest: Buffer = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= HEADER_BYTES && rest.length >= HEADER_BYTES + rest.readUInt32BE(4)) {
        const end = HEADER_BYTES + rest.readUInt32BE(4);
        this.push(rest.subarray(HEADER_BYTES, end));
        rest = rest.subarray(end);
      }
      done();
    },
  });
}

// Takes Docker's multiplexed log stream apart: frames of 8 bytes header (stream number, three zeros, big-endian length) and payload.
// A stream of a container with a terminal has no headers; it is passed through to stdout as it is.

import type { Readable, Writable } from 'node:stream';
import { cleanerFor } from '../terminal-text.ts';

const HEADER_BYTES = 8;
const STDIN_FRAME = 0;
const STDERR_FRAME = 2;

export interface Frame {
  target: 'stdout' | 'stderr';
  bytes: Buffer;
}

/** Incremental reader: payload leaves as it comes, a frame of any length needs no buffer. */
export class FrameReader {
  #header = Buffer.alloc(0);
  #target: Frame['target'] = 'stdout';
  #left = 0;
  #raw = false;

  /** Pieces of payload found in the chunk, in order. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#raw) {
        frames.push({ target: 'stdout', bytes: rest });
        break;
      }
      if (this.#left > 0) {
        const bytes = rest.subarray(0, this.#left);
        this.#left -= bytes.length;
        rest = rest.subarray(bytes.length);
        frames.push({ target: this.#target, bytes });
        continue;
      }
      rest = this.#readHeader(rest, frames);
    }
    return frames;
  }

  #readHeader(chunk: Buffer, frames: Frame[]): Buffer {
    const wanted = HEADER_BYTES - this.#header.length;
    this.#header = Buffer.concat([this.#header, chunk.subarray(0, wanted)]);
    if (!this.#looksLikeHeader()) {
      this.#raw = true;
      frames.push({ target: 'stdout', bytes: this.#header });
    } else if (this.#header.length === HEADER_BYTES) {
      this.#target = this.#header[0] === STDERR_FRAME ? 'stderr' : 'stdout';
      this.#left = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
    return chunk.subarray(wanted);
  }

  #looksLikeHeader(): boolean {
    const [kind, ...zeros] = this.#header.subarray(0, 4);
    return kind! >= STDIN_FRAME && kind! <= STDERR_FRAME && zeros.every((byte) => byte === 0);
  }
}

/** Copies a multiplexed stream to two writables, waiting for slow ones; terminals get plain lines. Resolves at its end. */
export async function copyFrames(source: Readable, stdout: Writable, stderr: Writable): Promise<void> {
  const reader = new FrameReader();
  const clean = { stdout: cleanerFor(stdout), stderr: cleanerFor(stderr) };
  for await (const chunk of source)
    for (const frame of reader.push(chunk as Buffer)) {
      const sink = frame.target === 'stderr' ? stderr : stdout;
      if (!sink.write(clean[frame.target](frame.bytes))) await new Promise((resolve) => sink.once('drain', resolve));
    }
}

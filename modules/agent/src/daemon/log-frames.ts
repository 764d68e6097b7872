// Takes Docker's multiplexed log stream apart: 8-byte headers (stream, 0, 0, 0, length big-endian) before each piece.

import { EdgeError } from '@wayside/kit';

const HEADER_BYTES = 8;
const STREAM_MAX = 2;

/** All text of the stream in order, stdout and stderr mixed as written. A container with a TTY has no headers: taken as it is. */
export function readLogFrames(raw: Buffer): string {
  if (raw.length === 0) return '';
  if (!isHeader(raw, 0)) return raw.toString('utf8');
  const pieces: Buffer[] = [];
  let offset = 0;
  while (offset < raw.length) {
    if (raw.length - offset < HEADER_BYTES) break;
    if (!isHeader(raw, offset))
      throw new EdgeError('AGENT_LOG_FRAME_INVALID', `Cannot read the log: no frame header at byte ${offset}`, {
        source: 'upstream',
        details: { offset },
      });
    const length = raw.readUInt32BE(offset + 4);
    // The last frame may be cut off when the log was still being written.
    pieces.push(raw.subarray(offset + HEADER_BYTES, Math.min(offset + HEADER_BYTES + length, raw.length)));
    offset += HEADER_BYTES + length;
  }
  return Buffer.concat(pieces).toString('utf8');
}

function isHeader(raw: Buffer, offset: number): boolean {
  if (raw.length - offset < HEADER_BYTES) return false;
  return (
    (raw[offset] as number) <= STREAM_MAX && raw[offset + 1] === 0 && raw[offset + 2] === 0 && raw[offset + 3] === 0
  );
}

// multipart/byteranges (RFC 9110 14.6): the text between the parts, and the length of it all, known before the first byte leaves.

import { type ByteRange, contentRange } from './byte-range.ts';

export interface MultipartPart {
  /** Text before the bytes of the range. */
  preamble: Buffer;
  range: ByteRange;
}

export interface Multipart {
  contentType: string;
  parts: MultipartPart[];
  /** Text after the last part. */
  closing: Buffer;
  sizeBytes: number;
}

export function planMultipart(
  ranges: readonly ByteRange[],
  sizeBytes: number,
  contentType: string | undefined,
  boundary: string,
): Multipart {
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
  const parts = ranges.map((range, i) => ({
    preamble: Buffer.from(
      `${i === 0 ? '' : '\r\n'}--${boundary}\r\n${type}Content-Range: ${contentRange(range, sizeBytes)}\r\n\r\n`,
      'latin1',
    ),
    range,
  }));
  const closing = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  const total = parts.reduce(
    (sum, { preamble, range }) => sum + preamble.length + range.end - range.start,
    closing.length,
  );
  return { contentType: `multipart/byteranges; boundary=${boundary}`, parts, closing, sizeBytes: total };
}

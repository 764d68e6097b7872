// The two small objects that health tests of the original fetch: a GIF of an exact size and a PNG, both valid, both generated.

import { crc32, deflateSync } from 'node:zlib';

/** Size of the original's /mscomtest/wuidt.gif. */
export const GIF_BYTES = 969_710;
const GIF_SUB_BLOCK_BYTES_MAX = 255;
const PNG_SIDE_PIXELS = 216;

/** A 1x1 GIF89a whose comment extension fills it up to `sizeBytes`. */
export function makeGif(sizeBytes: number): Buffer {
  const head = Buffer.from([...Buffer.from('GIF89a'), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff]);
  const tail = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 0x01, 0, 0x3b]);
  const filled = sizeBytes - head.length - tail.length - 3;
  if (filled < 2) throw new RangeError(`Cannot make a GIF of ${sizeBytes} bytes: it is too small`);
  const blocks: Buffer[] = [Buffer.from([0x21, 0xfe])];
  for (let left = filled; left > 0; ) {
    // A block is its length and its data; one byte left over could be neither.
    const room = Math.min(left - 1, GIF_SUB_BLOCK_BYTES_MAX);
    const data = left - 1 - room === 1 ? room - 1 : room;
    blocks.push(Buffer.from([data]), Buffer.from(Array.from({ length: data }, (_, i) => (left + i * 31) & 0xff)));
    left -= data + 1;
  }
  return Buffer.concat([head, ...blocks, Buffer.from([0]), tail]);
}

/** A square PNG of four colours. */
export function makePng(): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(PNG_SIDE_PIXELS, 0);
  header.writeUInt32BE(PNG_SIDE_PIXELS, 4);
  // 8 bits a channel, RGB, no interlace.
  header.set([8, 2, 0, 0, 0], 8);
  const half = PNG_SIDE_PIXELS / 2;
  const rows: number[] = [];
  for (let y = 0; y < PNG_SIDE_PIXELS; y += 1) {
    rows.push(0);
    for (let x = 0; x < PNG_SIDE_PIXELS; x += 1)
      rows.push(...(COLOURS[(y < half ? 0 : 2) + (x < half ? 0 : 1)] as readonly number[]));
  }
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.from(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const COLOURS: readonly (readonly number[])[] = [
  [200, 60, 40],
  [60, 150, 60],
  [40, 90, 200],
  [230, 180, 40],
];

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

import { expect, test } from '@jest/globals';
import { FrameSplitter } from './frame-splitter.ts';

test('a packet that comes byte by byte is whole at its end and never many buffers', () => {
  const body = Buffer.alloc(5_000, 'x');
  const packet = Buffer.concat([Buffer.from([0x30, (body.length & 0x7f) | 0x80, body.length >> 7]), body]);
  const frames = new FrameSplitter();
  let chunksMax = 0;
  for (const byte of packet.subarray(0, -1)) {
    frames.push(Buffer.from([byte]));
    expect(frames.next(10_000)).toBeUndefined();
    chunksMax = Math.max(chunksMax, frames.bufferedChunks);
  }
  frames.push(packet.subarray(-1));
  expect(frames.next(10_000)).toEqual(packet);
  expect(frames.bufferedBytes).toBe(0);
  expect(chunksMax).toBeLessThanOrEqual(256);
});

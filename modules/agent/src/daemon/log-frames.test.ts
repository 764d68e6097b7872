import { expect, test } from '@jest/globals';
import { readLogFrames } from './log-frames.ts';

const frame = (stream: number, text: string) => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

test.each<[string, Buffer, string]>([
  ['nothing', Buffer.alloc(0), ''],
  ['both streams in order', Buffer.concat([frame(1, 'a\n'), frame(2, 'b\n'), frame(1, '')]), 'a\nb\n'],
  ['a character cut by frames', Buffer.concat([splitAt('ü', 1)].flat()), 'ü'],
  ['a last frame that is cut off', frame(1, 'abcdef').subarray(0, 11), 'abc'],
  ['a last header that is cut off', Buffer.concat([frame(1, 'a'), Buffer.from([1, 0, 0])]), 'a'],
  ['a terminal without headers', Buffer.from('plain text\n'), 'plain text\n'],
])('readLogFrames() reads %s', (_what, raw, text) => {
  expect(readLogFrames(raw)).toBe(text);
});

function splitAt(text: string, at: number): Buffer {
  const bytes = Buffer.from(text);
  const piece = (part: Buffer) => {
    const header = Buffer.alloc(8);
    header[0] = 1;
    header.writeUInt32BE(part.length, 4);
    return Buffer.concat([header, part]);
  };
  return Buffer.concat([piece(bytes.subarray(0, at)), piece(bytes.subarray(at))]);
}

test('readLogFrames() refuses a stream that loses its headers', () => {
  expect(() => readLogFrames(Buffer.concat([frame(1, 'ok'), Buffer.from('no header here')]))).toThrow(
    'no frame header at byte 10',
  );
});

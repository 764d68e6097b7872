import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { copyFrames, FrameReader } from './docker-frames.ts';

function frame(stream: number, payload: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

function read(chunks: Buffer[]): { stdout: string; stderr: string } {
  const reader = new FrameReader();
  const frames = chunks.flatMap((chunk) => reader.push(chunk));
  const of = (target: string): string =>
    frames
      .filter((f) => f.target === target)
      .map((f) => f.bytes.toString())
      .join('');
  return { stdout: of('stdout'), stderr: of('stderr') };
}

describe('FrameReader', () => {
  const bytes = Buffer.concat([frame(1, 'one\n'), frame(2, 'bad\n'), frame(1, ''), frame(1, 'two\n')]);

  test('gives the same wherever the stream is cut in two', () => {
    for (let at = 0; at <= bytes.length; at += 1)
      expect(read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual({ stdout: 'one\ntwo\n', stderr: 'bad\n' });
  });

  test('reads byte by byte', () => {
    expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual({ stdout: 'one\ntwo\n', stderr: 'bad\n' });
  });

  test('passes a stream without headers through', () => {
    expect(read([Buffer.from('plain '), Buffer.from('text\n')])).toEqual({ stdout: 'plain text\n', stderr: '' });
    expect(read([Buffer.from([1]), Buffer.from('abc')])).toEqual({ stdout: '\u0001abc', stderr: '' });
  });
});

test('copyFrames() waits for a slow sink and loses nothing', async () => {
  const payload = 'x'.repeat(100_000);
  const [out, err] = [new PassThrough({ highWaterMark: 10 }), new PassThrough()];
  const received = text(out);
  await copyFrames(Readable.from([frame(1, payload), frame(1, payload)]), out, err);
  out.end();
  expect((await received).length).toBe(200_000);
});

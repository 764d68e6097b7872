import { expect, test } from '@jest/globals';
import { FRAME_BYTES_MAX, FrameGuard } from './frame-guard.ts';

const header = Buffer.from('414d515003010000', 'hex');
const frame = (bytes: number) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUInt32BE(bytes, 0);
  return buffer;
};

test('headers and frames pass, whatever pieces they come in', () => {
  const stream = Buffer.concat([header, frame(8), frame(100), header, frame(16_384), frame(9)]);
  for (const step of [1, 3, 7, 1_000, stream.length]) {
    const guard = new FrameGuard();
    for (let at = 0; at < stream.length; at += step) expect(guard.take(stream.subarray(at, at + step))).toBeUndefined();
  }
});

test('a frame too large is refused by its first four bytes; more is taken from who is proved', () => {
  const guard = new FrameGuard();
  expect(guard.take(frame(16_385).subarray(0, 4))).toContain('wanted 8 to 16384');
  const proved = new FrameGuard();
  proved.isProved = true;
  expect(proved.take(frame(FRAME_BYTES_MAX))).toBeUndefined();
  expect(proved.take(frame(FRAME_BYTES_MAX + 1).subarray(0, 4))).toContain('a frame of 65537 bytes');
});

test('a size below that of a frame is refused', () => {
  expect(new FrameGuard().take(Buffer.from([0, 0, 0, 7]))).toContain('a frame of 7 bytes');
  expect(new FrameGuard().take(Buffer.from('GET / HTTP'))).toContain('a frame of');
});

test('frames without end or message are bounded; what makes progress is not', () => {
  const endless = new FrameGuard();
  endless.isProved = true;
  const answers = Array.from({ length: 17 }, () => endless.take(frame(FRAME_BYTES_MAX)));
  expect(answers.slice(0, 16).every((answer) => answer === undefined)).toBe(true);
  expect(answers[16]).toContain('without a whole message');
  const busy = new FrameGuard();
  busy.isProved = true;
  for (let n = 0; n < 50; n += 1) {
    expect(busy.take(frame(FRAME_BYTES_MAX))).toBeUndefined();
    busy.progressed();
  }
});

import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { boundedBody, hasBody } from './request-body.ts';

function requestOf(pieces: string[], headers: Record<string, string>): IncomingMessage {
  return Object.assign(Readable.from(pieces.map((piece) => Buffer.from(piece))), {
    headers,
  }) as unknown as IncomingMessage;
}

test.each([
  [{}, false],
  [{ 'content-length': '0' }, false],
  [{ 'content-length': '5' }, true],
  [{ 'transfer-encoding': 'chunked' }, true],
])('hasBody() with %j: %p (RFC 9112 6.3)', (headers, expected) => {
  expect(hasBody(requestOf([], headers as Record<string, string>))).toBe(expected);
});

test('boundedBody() hands the pieces on', async () => {
  expect(await text(boundedBody(requestOf(['ab', 'cd'], {}), 4))).toBe('abcd');
});

test('boundedBody() fails when the client goes before the end', async () => {
  const endless = Object.assign(new Readable({ read() {} }), { headers: {} });
  const body = boundedBody(endless as unknown as IncomingMessage);
  body.once('data', () => endless.destroy());
  endless.push('ab');
  await expect(text(body)).rejects.toMatchObject({ code: 'CACHE_CLIENT_LEFT', source: 'downstream' });
});

test('boundedBody() fails above the limit: at once by the length, otherwise when it is passed', async () => {
  expect(() => boundedBody(requestOf([], { 'content-length': '5' }), 4)).toThrow('5 bytes: wanted at most 4');
  await expect(text(boundedBody(requestOf(['abc', 'de'], {}), 4))).rejects.toMatchObject({
    code: 'CACHE_REQUEST_TOO_LARGE',
  });
});

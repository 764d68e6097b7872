import { describe, expect, test } from '@jest/globals';
import type { BodyReceiver, OpenResponse } from './gated-response.ts';
import type { OriginRequest } from './origin-client.ts';
import { type Origin, OriginTable } from './origins.ts';
import { sizedResponse } from './sized-response.ts';

const origin = new OriginTable({ custom: [{ id: 'c', hosts: ['a.example'] }], parent: null, fallback: null }).resolve(
  'a.example',
) as Origin;

class FakeResponse implements OpenResponse {
  readonly head: OpenResponse['head'];
  readonly requestAtMs = 1;
  readonly responseAtMs = 2;
  receiver: BodyReceiver | null = null;
  isAborted = false;
  constructor(headers: Record<string, string>, status = 200) {
    this.head = { status, headers };
  }
  attach(receiver: BodyReceiver): void {
    this.receiver = receiver;
  }
  pause(): void {}
  resume(): void {}
  abort(): void {
    this.isAborted = true;
  }
}

const request: OriginRequest = { origin, method: 'GET', target: '/x' };
const sized = (get: FakeResponse, head: FakeResponse | Error) =>
  sizedResponse({ open: async () => (head instanceof Error ? Promise.reject(head) : head) }, request, get);
const chunked = () => new FakeResponse({ etag: '"a"', 'transfer-encoding': 'chunked' });

/** Sends pieces and, unless told otherwise, the end; answers what the receiver heard. */
async function relay(sizeBytes: number, pieces: string[], hasEnd = true): Promise<string> {
  const get = chunked();
  const response = await sized(get, new FakeResponse({ etag: '"a"', 'content-length': String(sizeBytes) }));
  let heard = '';
  response?.attach({
    onData: (piece) => {
      heard += piece;
    },
    onEnd: () => {
      heard += '|end';
    },
    onError: (error) => {
      heard += `|${error.code}`;
    },
  });
  for (const piece of pieces) get.receiver?.onData(Buffer.from(piece));
  if (hasEnd) get.receiver?.onEnd();
  return heard;
}

describe('sizedResponse()', () => {
  test('gives the response the length that HEAD names', async () => {
    const response = await sized(chunked(), new FakeResponse({ etag: '"a"', 'content-length': '5' }));
    expect(response?.head.headers).toEqual({ etag: '"a"', 'content-length': '5' });
  });

  test.each([
    ['HEAD fails', chunked(), new Error('timeout')],
    ['HEAD has no length', chunked(), new FakeResponse({ etag: '"a"' })],
    ['HEAD has an odd length', chunked(), new FakeResponse({ etag: '"a"', 'content-length': '5x' })],
    ['HEAD is about another version', chunked(), new FakeResponse({ etag: '"b"', 'content-length': '5' })],
    ['HEAD is refused', chunked(), new FakeResponse({ etag: '"a"', 'content-length': '5' }, 405)],
    [
      'HEAD is encoded',
      chunked(),
      new FakeResponse({ etag: '"a"', 'content-length': '5', 'content-encoding': 'gzip' }),
    ],
    [
      'the tag is weak',
      new FakeResponse({ etag: 'W/"a"' }),
      new FakeResponse({ etag: 'W/"a"', 'content-length': '5' }),
    ],
    ['there is no tag', new FakeResponse({}), new FakeResponse({ 'content-length': '5' })],
  ])('none when %s, and the body is untouched', async (_, get, head) => {
    expect(await sized(get, head)).toBeUndefined();
    expect([get.receiver, get.isAborted]).toEqual([null, false]);
  });

  test.each([
    ['the whole', 6, ['abc', 'def'], 'abcdef|end'],
    ['one byte', 1, ['a'], 'a|end'],
    ['too little', 7, ['abc', 'def'], 'abcdef|CACHE_ORIGIN_CHANGED'],
    ['too much: the last byte is never given', 5, ['abc', 'de', 'f'], 'abcd|CACHE_ORIGIN_CHANGED'],
    ['too much at once', 5, ['abc', 'def'], 'abc|CACHE_ORIGIN_CHANGED'],
    ['nothing', 5, [], '|CACHE_ORIGIN_CHANGED'],
  ])('%s', async (_, size, pieces, heard) => expect(await relay(size, pieces)).toBe(heard));

  test('as long as the end is not there, the last byte is not given', async () => {
    expect(await relay(3, ['abc'], false)).toBe('ab');
  });
});

import { expect, test } from '@jest/globals';
import { forwardedFields, hasSeveralHosts } from './forwarded-fields.ts';

test('forwardedFields() leaves behind what is of this connection or tells who the client is (RFC 9110 7.6.1)', () => {
  const raw = ['Host', 'a', 'Connection', 'close, X-Hop', 'X-Hop', '1', 'TE', 'trailers', 'Upgrade', 'h2c'].concat(
    ['X-Forwarded-For', '10.0.0.1', 'Forwarded', 'for=1', 'Via', '1.0 x', 'Via', '1.1 y', 'Accept-Language', 'de'],
    ['Cookie', 'a=1', 'Expect', '100-continue', 'Transfer-Encoding', 'chunked', 'Content-Type', 'text/plain'],
  );
  expect(forwardedFields(raw, true)).toEqual({
    list: ['Accept-Language', 'de', 'Cookie', 'a=1', 'Content-Type', 'text/plain'],
    via: '1.0 x, 1.1 y',
  });
});

test('forwardedFields() keeps range and conditions of a request for one client only; the last Range counts', () => {
  const raw = ['Range', 'bytes=0-1', 'If-None-Match', '"a"', 'range', 'bytes=5-6'];
  expect(forwardedFields(raw, true)).toEqual({ list: [], via: undefined });
  expect(forwardedFields(raw, false)).toEqual({ list: ['If-None-Match', '"a"', 'Range', 'bytes=5-6'], via: undefined });
});

test.each([
  [['Host', 'a'], false],
  [['Host', 'a', 'host', 'a'], true],
])('hasSeveralHosts(%j)', (raw, expected) => expect(hasSeveralHosts(raw)).toBe(expected));

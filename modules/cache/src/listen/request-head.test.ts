import { describe, expect, test } from '@jest/globals';
import { parsePlainHead } from './request-head.ts';

const head = (...lines: string[]) => parsePlainHead(lines.map((line) => `${line}\r\n`).join(''));

describe('parsePlainHead()', () => {
  test('a plain request', () => {
    expect(head('GET /a?b=1 HTTP/1.1', 'Host: x.example', 'Range: \t bytes=0-1 ', 'X-Empty:')).toEqual({
      method: 'GET',
      url: '/a?b=1',
      headers: { host: 'x.example', range: 'bytes=0-1', 'x-empty': '' },
      rawHeaders: ['Host', 'x.example', 'Range', 'bytes=0-1', 'X-Empty', ''],
      isLast: false,
    });
    expect(head('HEAD http://x.example/ HTTP/1.1', 'Host: x.example', 'Connection: Close')).toMatchObject({
      method: 'HEAD',
      url: 'http://x.example/',
      isLast: true,
    });
  });

  test('two Range fields are kept both, in order', () => {
    const read = head('GET / HTTP/1.1', 'Host: x', 'Range: bytes=0-1', 'range: bytes=2-3');
    expect(read?.headers.range).toBe('bytes=0-1, bytes=2-3');
    expect(read?.rawHeaders.slice(2)).toEqual(['Range', 'bytes=0-1', 'range', 'bytes=2-3']);
  });

  test.each([
    ['another method', ['POST / HTTP/1.1', 'Host: x']],
    ['another version', ['GET / HTTP/1.0', 'Host: x']],
    ['no Host', ['GET / HTTP/1.1', 'Accept: */*']],
    ['no field at all', ['GET / HTTP/1.1']],
    ['Host twice', ['GET / HTTP/1.1', 'Host: x', 'Host: x']],
    ['two spaces', ['GET  / HTTP/1.1', 'Host: x']],
    ['a space in the target', ['GET /a b HTTP/1.1', 'Host: x']],
    ['a byte above ASCII', ['GET /\u00e9 HTTP/1.1', 'Host: x']],
    ['a byte above ASCII in a value', ['GET / HTTP/1.1', 'Host: x', 'X: \u00e9']],
    ['a space before the colon', ['GET / HTTP/1.1', 'Host : x']],
    ['a folded line', ['GET / HTTP/1.1', 'Host: x', ' y']],
    ['a line without a colon', ['GET / HTTP/1.1', 'Host: x', 'y']],
    ['an empty name', ['GET / HTTP/1.1', 'Host: x', ': y']],
    ['a bare line feed', ['GET / HTTP/1.1', 'Host: x\nContent-Length: 5']],
    ['a bare carriage return', ['GET / HTTP/1.1', 'Host: x\rContent-Length: 5']],
    ['a NUL', ['GET / HTTP/1.1', 'Host: x\0']],
    ['a length', ['GET / HTTP/1.1', 'Host: x', 'Content-Length: 0']],
    ['a coding', ['GET / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked']],
    ['a coding in another case', ['GET / HTTP/1.1', 'Host: x', 'transfer-ENCODING: chunked']],
    ['an upgrade', ['GET / HTTP/1.1', 'Host: x', 'Upgrade: h2c']],
    ['an expectation', ['GET / HTTP/1.1', 'Host: x', 'Expect: 100-continue']],
    ['named hop-by-hop fields', ['GET / HTTP/1.1', 'Host: x', 'Connection: x-a']],
    ['a field twice', ['GET / HTTP/1.1', 'Host: x', 'If-None-Match: "a"', 'If-None-Match: "b"']],
  ])('%s is for the full parser', (_what, lines) => expect(head(...lines)).toBeUndefined());
});

// Hostile requests written by hand: forms that are known to be read differently by two servers in a row, and ways to name an address or a place
// that is not to be reached. `{canary}` stands for the port of a server that nobody may reach; HOST is on the list, everything else is not.

/** On the allow list of the cache under test. */
export const HOST = 'content.example';

export interface HostileRequest {
  name: string;
  /** Bytes as latin1 text. */
  text: string;
  /** refused: no 2xx or 3xx may come back and no origin may hear of it. parsed: whatever its one or more requests mean, they are answered. */
  wanted: 'refused' | 'parsed';
}

/** Follows an ambiguous body; seen by no origin, unless somebody took the body for a request. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\nHost: ${HOST}\r\nX-Rest: `;

function post(fields: string, body: string): string {
  return `POST /upload HTTP/1.1\r\nHost: ${HOST}\r\n${fields}\r\n${body}`;
}

function get(fields: string, target = '/a', version = 'HTTP/1.1'): string {
  return `GET ${target} ${version}\r\nHost: ${HOST}\r\n${fields}\r\n`;
}

const refused: Record<string, string> = {
  // RFC 9112 6.1, 6.3: two lengths, or a length and a coding, are an attack.
  'CL.TE': post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  'TE.CL': post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\n${SMUGGLED}\r\n0\r\n\r\n`),
  'TE.TE second unknown': post(
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n',
    `5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`,
  ),
  'TE.TE first unknown': post(
    'Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n',
    `0\r\n\r\n${SMUGGLED}`,
  ),
  'TE xchunked with CL': post('Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n', `0\r\n\r\n${SMUGGLED}`),
  'TE with a space before the colon': post(
    'Transfer-Encoding : chunked\r\nContent-Length: 3\r\n',
    `0\r\n\r\n${SMUGGLED}`,
  ),
  'TE with a tab before the colon': post(
    'Transfer-Encoding\t: chunked\r\nContent-Length: 3\r\n',
    `0\r\n\r\n${SMUGGLED}`,
  ),
  'TE after a vertical tab': post('Transfer-Encoding:\x0bchunked\r\nContent-Length: 3\r\n', `0\r\n\r\n${SMUGGLED}`),
  'TE on a folded line': post('Transfer-Encoding:\r\n chunked\r\nContent-Length: 3\r\n', `0\r\n\r\n${SMUGGLED}`),
  'TE in a folded field': post(
    'X-Fold: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n',
    `0\r\n\r\n${SMUGGLED}`,
  ),
  'TE with NUL': post('Transfer-Encoding: chunked\0\r\nContent-Length: 3\r\n', `0\r\n\r\n${SMUGGLED}`),
  'TE identity, chunked with CL': post(
    'Transfer-Encoding: identity, chunked\r\nContent-Length: 3\r\n',
    `0\r\n\r\n${SMUGGLED}`,
  ),
  'TE chunked twice': post('Transfer-Encoding: chunked, chunked\r\nContent-Length: 3\r\n', `0\r\n\r\n${SMUGGLED}`),
  'TE chunked, then gzip': post('Transfer-Encoding: chunked, gzip\r\n', `0\r\n\r\n${SMUGGLED}`),
  'TE in HTTP/1.0 with CL': `POST /upload HTTP/1.0\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'CL list that differs': post('Content-Length: 3, 6\r\n', `abc${SMUGGLED}`),
  'CL twice, different': post('Content-Length: 3\r\nContent-Length: 6\r\n', `abc${SMUGGLED}`),
  'CL twice, the same': post('Content-Length: 3\r\nContent-Length: 3\r\n', `abc${SMUGGLED}`),
  'CL with a plus': post('Content-Length: +3\r\n', `abc${SMUGGLED}`),
  'CL negative': post('Content-Length: -3\r\n', `abc${SMUGGLED}`),
  'CL hexadecimal': post('Content-Length: 0x3\r\n', `abc${SMUGGLED}`),
  'CL with a space inside': post('Content-Length: 1 2\r\n', `abc${SMUGGLED}`),
  'CL above 2^64': post('Content-Length: 18446744073709551619\r\n', `abc${SMUGGLED}`),
  'CL empty': post('Content-Length:\r\n', SMUGGLED),
  'CL with a letter': post('Content-Length: 3a\r\n', `abc${SMUGGLED}`),
  'CL with a space before the colon': post('Content-Length : 90\r\n', SMUGGLED),
  'GET with CL and TE': `${get('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n${SMUGGLED}`,
  'chunk size not a number': post('Transfer-Encoding: chunked\r\n', `zz\r\n${SMUGGLED}`),
  'chunk size negative': post('Transfer-Encoding: chunked\r\n', `-1\r\n${SMUGGLED}`),
  'chunk size above 2^64': post('Transfer-Encoding: chunked\r\n', `10000000000000003\r\nabc\r\n0\r\n\r\n${SMUGGLED}`),
  'chunk size with 0x': post('Transfer-Encoding: chunked\r\n', `0x3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`),
  'chunk longer than its size': post('Transfer-Encoding: chunked\r\n', `1\r\nabc\r\n0\r\n\r\n${SMUGGLED}`),
  'chunk extension with a bare LF': post('Transfer-Encoding: chunked\r\n', `3;\nx\r\nabc\r\n0\r\n\r\n${SMUGGLED}`),
  'chunk line ended by a bare LF': post('Transfer-Encoding: chunked\r\n', `3\nabc\r\n0\r\n\r\n${SMUGGLED}`),
  // RFC 9112 2.2, 5: line ends, folding, control characters.
  'bare LF after the request line': `GET /a HTTP/1.1\nHost: ${HOST}\r\n\r\n`,
  'bare LF in the head': `GET /a HTTP/1.1\r\nHost: ${HOST}\nX: y\r\n\r\n`,
  'bare CR in a value': get('X: a\rb\r\n'),
  'bare CR as a line end': `GET /a HTTP/1.1\rHost: ${HOST}\r\r`,
  'obs-fold': get('X: a\r\n b\r\n'),
  'obs-fold of Host': `GET /a HTTP/1.1\r\nHost:\r\n ${HOST}\r\n\r\n`,
  'first line folded': `GET /a HTTP/1.1\r\n Host: ${HOST}\r\n\r\n`,
  'NUL in a value': get('X: a\0b\r\n'),
  'NUL in a name': get('X\0Y: a\r\n'),
  'NUL in the target': get('', '/a\0b'),
  'field without a colon': get('nonsense\r\n'),
  'field without a name': get(': value\r\n'),
  'space in a field name': get('X Y: a\r\n'),
  'delete in a value': get('X: a\x7fb\r\n'),
  'high bytes in a name': get('X\xff: a\r\n'),
  // RFC 9112 3: request line.
  'no version': `GET /a\r\nHost: ${HOST}\r\n\r\n`,
  'HTTP/0.9': 'GET /a\r\n',
  'HTTP/2.0': get('', '/a', 'HTTP/2.0'),
  'HTTP/1.11': get('', '/a', 'HTTP/1.11'),
  'http in lower case': get('', '/a', 'http/1.1'),
  'space in the target': get('', '/a b'),
  'tab in the request line': `GET\t/a\tHTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'target without a slash': get('', 'a'),
  'target *': get('', '*'),
  'OPTIONS *': `OPTIONS * HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'empty method': ` /a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'unknown method': `G:T /a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'method of 8 KiB': `${'A'.repeat(8192)} /a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  CONNECT: `CONNECT 127.0.0.1:{canary} HTTP/1.1\r\nHost: 127.0.0.1:{canary}\r\n\r\n`,
  'CONNECT to a listed host': `CONNECT ${HOST}:80 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  TRACE: `TRACE /a HTTP/1.1\r\nHost: ${HOST}\r\nCookie: secret=1\r\n\r\n`,
  'h2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'TLS hello': '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'.padEnd(170, '\x01'),
  'SSH banner': 'SSH-2.0-OpenSSH_9.2\r\n',
  'binary noise': Array.from({ length: 600 }, (_, i) => String.fromCharCode((i * 131) % 256)).join(''),
  'head above the limit': get(`X-Big: ${'x'.repeat(64 * 1024)}\r\n`),
  'thousands of fields': get('A: b\r\n'.repeat(4000)),
  'target of 20 KiB': get('', `/${'a'.repeat(20_000)}`),
  'field name of 20 KiB': get(`${'N'.repeat(20_000)}: 1\r\n`),
  // RFC 9112 3.2: Host.
  'no Host': 'GET /a HTTP/1.1\r\n\r\n',
  'Host empty': 'GET /a HTTP/1.1\r\nHost:\r\n\r\n',
  'Host twice': `GET /a HTTP/1.1\r\nHost: ${HOST}\r\nHost: evil.example\r\n\r\n`,
  'Host twice, the listed one last': `GET /a HTTP/1.1\r\nHost: evil.example\r\nHost: ${HOST}\r\n\r\n`,
  'Host list': `GET /a HTTP/1.1\r\nHost: ${HOST}, evil.example\r\n\r\n`,
  'Host with a path': `GET /a HTTP/1.1\r\nHost: ${HOST}/x\r\n\r\n`,
  'Host with user': `GET /a HTTP/1.1\r\nHost: ${HOST}@evil.example\r\n\r\n`,
  'Host with a space': `GET /a HTTP/1.1\r\nHost: ${HOST} evil\r\n\r\n`,
  'Host with a fragment': `GET /a HTTP/1.1\r\nHost: ${HOST}#evil\r\n\r\n`,
  'absolute form of a foreign host': `GET http://evil.example/a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'absolute form with user': `GET http://${HOST}@evil.example/a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'absolute form with a back slash': `GET http://evil.example\\@${HOST}/a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'absolute form https': `GET https://evil.example/a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'absolute form file': `GET file:///etc/passwd HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'absolute form ftp': `GET ftp://${HOST}/a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'absolute form without a host': `GET http:///a HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
};

/** Ways to write an address or a place next to the cache (connected-cache 2.2 5). */
const FORBIDDEN_HOSTS = [
  '127.0.0.1',
  '127.0.0.1:{canary}',
  'localhost',
  'localhost:{canary}',
  'localhost.:{canary}',
  'LOCALHOST:{canary}',
  '[::1]',
  '[::1]:{canary}',
  '::1',
  '127.1:{canary}',
  '127.0.1:{canary}',
  '2130706433:{canary}',
  '0x7f000001:{canary}',
  '0x7f.0.0.1:{canary}',
  '0177.0.0.1:{canary}',
  '017700000001',
  '0:{canary}',
  '0.0.0.0:{canary}',
  '127.0.0.1.:{canary}',
  '[::ffff:127.0.0.1]:{canary}',
  '[::ffff:7f00:1]:{canary}',
  '[0:0:0:0:0:0:0:1]:{canary}',
  '[fe80::1%25lo]:{canary}',
  '[::]:{canary}',
  '169.254.169.254',
  '[fd00:ec2::254]',
  'metadata.google.internal',
  '10.0.0.1',
  '192.168.0.1',
  '172.17.0.1',
  'ip6-localhost:{canary}',
  '127.0.0.1.nip.io:{canary}',
  'localtest.me:{canary}',
  'evil.example',
  `${HOST}.evil.example`,
  `evil-${HOST}`,
  `x.${HOST}`,
  `${HOST}@127.0.0.1:{canary}`,
  `127.0.0.1:{canary}#${HOST}`,
  `127.0.0.1:{canary}/${HOST}`,
  `127.0.0.1:{canary}?${HOST}`,
  `${HOST}%00.evil.example`,
  `${HOST}%2eevil.example`,
  `${HOST}%0d%0aX-Injected:%201`,
  `${HOST},evil.example`,
  `${HOST}%20evil.example`,
  `//${HOST}`,
  `http://${HOST}`,
  '%31%32%37.0.0.1:{canary}',
  '①②⑦.0.0.1',
  'xn--',
  '*',
  '.',
  '..',
  '-',
  '%',
  '%zz',
  '%',
];
FORBIDDEN_HOSTS.forEach((host, i) => {
  const text = Buffer.from(host, 'utf8').toString('latin1');
  refused[`cacheHostOrigin ${i} ${host}`] = get('', `/ssrf?cacheHostOrigin=${text}`);
  if (!/[%①]/.test(host)) refused[`Host ${i} ${host}`] = `GET /ssrf HTTP/1.1\r\nHost: ${text}\r\n\r\n`;
});
refused['cacheHostOrigin twice, the foreign one last'] = get(
  '',
  `/ssrf?cacheHostOrigin=${HOST}&cacheHostOrigin=evil.example`,
);

const parsed: Record<string, string> = {
  // RFC 9112 3: a recipient may read any white space as one space.
  'two spaces': get('', '/a', ' HTTP/1.1'),
  'absolute form outranks Host': `GET http://${HOST}/absolute HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
  'Host with port': `GET /port HTTP/1.1\r\nHost: ${HOST}:80\r\n\r\n`,
  'dot segments': get('', '/../../etc/passwd'),
  'encoded dot segments': get('', '/%2e%2e/%2e%2e/etc/passwd'),
  'encoded slashes and NUL': get('', '/a%2f%2e%2e%5c%00%0d%0aX-Injected:%201'),
  'broken percent-encoding': get('', '/%zz%1%'),
  'query full of marks': get('', '/q?&&=&?=?;&%00=1&&&'),
  'fragment in the target': get('', '/f#frag?cacheHostOrigin=evil.example'),
  'double slash': get('', `//evil.example/a`),
  'high bytes in the target': get('', '/\xc3\xa4\xff'),
  'range of huge numbers': get('Range: bytes=99999999999999999999-\r\n'),
  'range behind 2^53': get('Range: bytes=9007199254740993-9007199254740994\r\n'),
  'range suffix huge': get('Range: bytes=-99999999999999999999\r\n'),
  'range turned round': get('Range: bytes=9-1\r\n'),
  'range of thousands of parts': get(`Range: bytes=${Array.from({ length: 2000 }, () => '0-').join()}\r\n`),
  'range of overlapping parts': get(`Range: bytes=${Array.from({ length: 64 }, (_, i) => `${i}-1999`).join()}\r\n`),
  'range of another unit': get('Range: lines=1-2\r\n'),
  'range twice': get('Range: bytes=0-1\r\nRange: bytes=5-6\r\n'),
  'range with letters': get('Range: bytes=a-b, -, --, 1-2-3\r\n'),
  'If-Range nonsense': get('Range: bytes=0-1\r\nIf-Range: W/""\x80\r\n'),
  'If-None-Match thousands': get(`If-None-Match: ${'"x", '.repeat(2000)}"y"\r\n`),
  'dates of no calendar': get('If-Modified-Since: Thu, 99 Foo 99999 99:99:99 GMT\r\n'),
  'h2c upgrade': get(
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
  ),
  'WebSocket upgrade': get(
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n',
  ),
  'Connection names Host': get('Connection: Host, Range, close\r\n'),
  'Connection names everything': get(`Connection: ${Array.from({ length: 200 }, (_, i) => `x${i}`).join()}\r\n`),
  'Expect of something': get('Expect: 200-maybe\r\n'),
  'hop-by-hop and forwarding fields': get(
    'TE: trailers\r\nProxy-Connection: close\r\nX-Forwarded-For: 127.0.0.1\r\nForwarded: for=_x\r\nX-Forwarded-Host: evil.example\r\nX-Original-URL: /smuggled\r\nX-HTTP-Method-Override: DELETE\r\n',
  ),
  'Max-Forwards': `TRACE /a HTTP/1.1\r\nHost: ${HOST}\r\nMax-Forwards: 0\r\n\r\n`,
  'HTTP/1.0': `GET /a HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`,
  'empty lines first': `\r\n\r\n${get('')}`,
  'pipelined with garbage': `${get('')}${get('', '/b')}\x00\x01garbage\r\n\r\n`,
  'a hundred pipelined': get('').repeat(100),
  'GET with a body': `${get('Content-Length: 5\r\n')}hello`,
  'HEAD with a range': `HEAD /a HTTP/1.1\r\nHost: ${HOST}\r\nRange: bytes=0-0\r\n\r\n`,
  'POST with a request as its body': post(
    'Content-Length: 54\r\n',
    'GET /inner HTTP/1.1\r\nHost: evil.example\r\nX-Pad: yy\r\n\r\n',
  ),
  'POST in chunks with trailers': post(
    'Transfer-Encoding: chunked\r\n',
    '5\r\nhello\r\n0\r\nHost: evil.example\r\nContent-Length: 9\r\n\r\n',
  ),
  'POST that ends early': post('Content-Length: 5000\r\n', 'abc'),
  'half a head': `GET /a HTTP/1.1\r\nHost: ${HOST}\r\nX-Half: `,
  nothing: '',
};

export const HAND_WRITTEN: readonly HostileRequest[] = [
  ...Object.entries(refused).map(([name, text]): HostileRequest => ({ name, text, wanted: 'refused' })),
  ...Object.entries(parsed).map(([name, text]): HostileRequest => ({ name, text, wanted: 'parsed' })),
];

// Reads the head of a plain request: GET or HEAD, HTTP/1.1, no body, nothing unusual. Whatever else comes is for the full parser of node:http,
// so this one may refuse at the least doubt: it never mends, guesses or skips.

/** Longest head, bytes: the same as the full parser's. */
export const REQUEST_HEAD_BYTES_MAX = 16 * 1024;

/** A request whose head was read; the part of IncomingMessage that the cache uses. */
export interface RequestHead {
  method: 'GET' | 'HEAD';
  /** Request target as received. */
  url: string;
  /** Lower-case name -> value. */
  headers: Record<string, string>;
  /** Names and values as received, alternating. */
  rawHeaders: string[];
  /** Connection: close was asked for (RFC 9112 9.6). */
  isLast: boolean;
}

/** RFC 9112 3 and 5 without obs-fold, without obs-text, with exactly one space in the request line. */
const PLAIN_HEAD = /^(?:GET|HEAD) [\x21-\x7e]+ HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~\dA-Za-z]+:[\t\x20-\x7e]*\r\n)+$/;

/** What frames a body, changes the protocol or belongs to the connection: not plain. */
const NOT_PLAIN = new Set(
  ['content-length', 'transfer-encoding', 'trailer', 'te', 'upgrade', 'http2-settings', 'expect'].concat([
    'keep-alive',
    'proxy-connection',
    'max-forwards',
  ]),
);

/** Header names repeat from request to request: their lower-case forms are kept. */
const lowerCase = new Map<string, string>();
const NAMES_KEPT_MAX = 1000;

function lowerCaseOf(name: string): string {
  const known = lowerCase.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (lowerCase.size < NAMES_KEPT_MAX) lowerCase.set(name, lower);
  return lower;
}

/**
 * @param text the head up to and with the line end of its last field, latin1, without the empty line
 * @returns undefined when the request is not plain
 */
export function parsePlainHead(text: string): RequestHead | undefined {
  if (!PLAIN_HEAD.test(text)) return undefined;
  const method = text.charCodeAt(0) === 71 ? 'GET' : 'HEAD';
  const lineEnd = text.indexOf('\r\n');
  const url = text.slice(method.length + 1, lineEnd - 9);
  const headers: Record<string, string> = {};
  const rawHeaders: string[] = [];
  let isLast = false;
  for (let at = lineEnd + 2; at < text.length; ) {
    const colon = text.indexOf(':', at);
    const end = text.indexOf('\r\n', colon);
    const name = text.slice(at, colon);
    const value = trimBlank(text, colon + 1, end);
    at = end + 2;
    rawHeaders.push(name, value);
    const lower = lowerCaseOf(name);
    if (lower === 'connection') {
      const option = value.toLowerCase();
      if (option === 'close') isLast = true;
      else if (option !== 'keep-alive') return undefined;
    } else if (NOT_PLAIN.has(lower)) return undefined;
    // Two Range fields are a client's known defect (connected-cache 3.8 a); the last one counts, by rawHeaders.
    const former = headers[lower];
    if (former === undefined) headers[lower] = value;
    else if (lower === 'range') headers[lower] = `${former}, ${value}`;
    else return undefined;
  }
  return headers.host === undefined ? undefined : { method, url, headers, rawHeaders, isLast };
}

/** The text of [start, end) without spaces and tabs around it (RFC 9112 5.1). */
function trimBlank(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

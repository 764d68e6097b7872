// The generated part of the corpus: hand-written forms, bent in one to four places by a fixed seed, so that it is the same corpus every time.

import { HAND_WRITTEN, HOST, type HostileRequest } from './hand-written.ts';

export const GENERATED_COUNT = 1000;
const SEED = 0x5eed_cafe;
const MUTATIONS_MAX = 4;
/** A few forms are tens of KiB on purpose; bent ones need not be. */
const SEED_BYTES_MAX = 4096;

/** mulberry32: 32 bits of state, good enough to choose by. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const BYTES = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\t',
  ' ',
  ':',
  ';',
  ',',
  '"',
  '%',
  '%00',
  '%0d%0a',
  '/',
  '\\',
  '..',
  '?',
  '#',
  '@',
  '\x7f',
  '\x80',
  '\xff',
  '{',
  '0',
];
const NUMBERS = [
  '0',
  '-1',
  '+1',
  '1e9',
  '0x10',
  '4294967296',
  '9007199254740993',
  '18446744073709551616',
  '99999999999999999999999',
  '00000000001',
  ' 1',
  '1 ',
];
const FIELDS = [
  'Content-Length: 0',
  'Content-Length: 7',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Host: evil.example',
  `Host: ${HOST}`,
  'Connection: close',
  'Connection: keep-alive, Host',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Range: bytes=0-',
  'Range: bytes=-1',
  'Range: bytes=1-0,2-',
  'If-None-Match: *',
  'If-Match: *',
  'If-Range: "x"',
  'Via: 1.1 x',
  'Authorization: Basic eA==',
  'Cookie: a=b',
  'Cache-Control: no-cache',
  'Cache-Control: only-if-cached',
  'Pragma: no-cache',
  'Accept-Encoding: gzip, br',
  'X: ',
  ' X: folded',
  'Trailer: Host',
];
const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'PURGE',
  'get',
  'GE',
  'GET\0',
  'M-SEARCH',
  'PROPFIND',
  'CONNECT',
];

type Mutation = (text: string, random: (below: number) => number, other: string) => string;

const pick = <T>(list: readonly T[], random: (below: number) => number): T => list[random(list.length)] as T;

const MUTATIONS: readonly Mutation[] = [
  function insertBytes(text, random) {
    const at = random(text.length + 1);
    return text.slice(0, at) + pick(BYTES, random) + text.slice(at);
  },
  function changeByte(text, random) {
    const at = random(text.length + 1);
    return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
  },
  function removeBytes(text, random) {
    const at = random(text.length + 1);
    return text.slice(0, at) + text.slice(at + 1 + random(6));
  },
  function cutOff(text, random) {
    return text.slice(0, random(text.length + 1));
  },
  function repeatLine(text, random) {
    const lines = text.split('\r\n');
    const at = random(lines.length);
    lines.splice(at, 0, ...Array<string>(1 + random(3)).fill(lines[at] as string));
    return lines.join('\r\n');
  },
  function swapLines(text, random) {
    const lines = text.split('\r\n');
    const [a, b] = [random(lines.length), random(lines.length)];
    [lines[a], lines[b]] = [lines[b] as string, lines[a] as string];
    return lines.join('\r\n');
  },
  function addField(text, random) {
    const end = text.indexOf('\r\n');
    return `${text.slice(0, end + 2)}${pick(FIELDS, random)}\r\n${text.slice(end + 2)}`;
  },
  function changeNumber(text, random) {
    const numbers = [...text.matchAll(/\d+/g)];
    const found = numbers.length === 0 ? undefined : pick(numbers, random);
    return found === undefined
      ? text
      : text.slice(0, found.index) + pick(NUMBERS, random) + text.slice(found.index + found[0].length);
  },
  function changeLineEnd(text, random) {
    return text.replace('\r\n', pick(['\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\r\n\t'], random));
  },
  function changeMethod(text, random) {
    return text.replace(/^\S*/, pick(METHODS, random));
  },
  function changeCase(text, random) {
    const at = random(text.length + 1);
    return text.slice(0, at) + (random(2) === 0 ? text.slice(at).toUpperCase() : text.slice(at).toLowerCase());
  },
  function pipeline(text, _, other) {
    return text + other;
  },
  function splice(text, random, other) {
    return text.slice(0, random(text.length + 1)) + other.slice(random(other.length + 1));
  },
  function percentEncode(text, random) {
    const at = random(text.length + 1);
    const code = text.charCodeAt(at) || 0;
    return `${text.slice(0, at)}%${code.toString(16).padStart(2, '0')}${text.slice(at + 1)}`;
  },
];

/** The same list at every call. Bent framing can make a second request of what was a body, so these say nothing about what must come back. */
export function generate(count = GENERATED_COUNT, seed = SEED): HostileRequest[] {
  const random = randomOf(seed);
  const seeds = HAND_WRITTEN.filter(({ text }) => text.length <= SEED_BYTES_MAX).map(({ name, text }) => ({
    name,
    text: text.replaceAll(/\/(?:smuggled|ssrf|inner)/g, '/bent'),
  }));
  return Array.from({ length: count }, (_, i) => {
    const from = pick(seeds, random);
    let { text } = from;
    const names: string[] = [];
    for (let left = 1 + random(MUTATIONS_MAX); left > 0; left -= 1) {
      const mutate = pick(MUTATIONS, random);
      text = mutate(text, random, pick(seeds, random).text);
      names.push(mutate.name);
    }
    return { name: `#${i} ${from.name}: ${names.join(', ')}`, text, wanted: 'parsed' };
  });
}

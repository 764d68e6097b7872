// IPv4 and IPv6 addresses as 32-bit words. No host names, no short forms (`10.1`), no zone ids; an IPv4-mapped IPv6 address is the IPv4 address.

import { isIPv4, isIPv6 } from 'node:net';

export type Family = 4 | 6;

export interface IpAddress {
  family: Family;
  /** Unsigned 32-bit words, most significant first: one for IPv4, four for IPv6. */
  words: readonly number[];
}

/** Longest text of an address: eight groups, the last two as IPv4. Longer input is not looked at. */
export const ADDRESS_CHARACTERS_MAX = 45;

export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** undefined when the text is no address. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.length > ADDRESS_CHARACTERS_MAX) return undefined;
  if (isIPv4(text)) return { family: 4, words: [ipv4Word(text)] };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const words = ipv6Words(text);
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return isMapped ? { family: 4, words: [words[3]!] } : { family: 6, words };
}

/** Dotted decimal, or the form of RFC 5952: lower case, longest run of zeros as `::`. */
export function formatIpAddress({ family, words }: IpAddress): string {
  if (family === 4) return ipv4Text(words[0]!);
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function ipv4Word(text: string): number {
  let word = 0;
  let part = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      word = word * 256 + part;
      part = 0;
    } else part = part * 10 + code - 48;
  }
  return word * 256 + part;
}

function ipv4Text(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** `text` is known to be an IPv6 address. */
function ipv6Words(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const groups = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return [0, 2, 4, 6].map((index) => groups[index]! * 65_536 + groups[index + 1]!);
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const word = ipv4Word(group);
    return [word >>> 16, word & 0xffff];
  });
}

/** RFC 5952 4.2.3: the first of the longest runs. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (start + length < groups.length && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

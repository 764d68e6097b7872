// Prefixes as numbers: four 32-bit words (IPv4: one) and a length, from text and back. IPv6 text is RFC 5952.

/** An address is `words` 32-bit words: 1 for IPv4, 4 for IPv6. */
export type Family = 4 | 6;

export interface Prefix {
  family: Family;
  /** Unsigned 32-bit, most significant first; 1 or 4 of them. */
  words: number[];
  length: number;
}

/** Longest text of a prefix that is looked at. */
const PREFIX_CHARS_MAX = 49;

export function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** `a.b.c.d/n`, `x:y::/n`, or an address (whole length). undefined when it is neither. Host bits stay as they are. */
export function parsePrefix(text: string): Prefix | undefined {
  if (text.length > PREFIX_CHARS_MAX) return undefined;
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = bitsOf(address.family);
  if (slash < 0) return { ...address, length: bits };
  const lengthText = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  return length <= bits ? { ...address, length } : undefined;
}

export function parseAddress(text: string): { family: Family; words: number[] } | undefined {
  if (!text.includes(':')) {
    const word = parseIpv4(text);
    return word === undefined ? undefined : { family: 4, words: [word] };
  }
  const words = parseIpv6(text);
  return words === undefined ? undefined : { family: 6, words };
}

function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let word = 0;
  for (const part of parts) {
    // A leading zero would be octal for some readers: it is refused.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    word = word * 256 + Number(part);
  }
  return word;
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] as string, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const words: number[] = [];
  for (let i = 0; i < 8; i += 2) words.push((groups[i] as number) * 0x10000 + (groups[i + 1] as number));
  return words;
}

/** The last group of the whole may be an IPv4 address (RFC 4291 2.2). */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const word = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (word === undefined) return undefined;
      groups.push(word >>> 16, word & 0xffff);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

export function formatPrefix(family: Family, words: ArrayLike<number>, length: number): string {
  return `${formatAddress(family, words)}/${length}`;
}

export function formatAddress(family: Family, words: ArrayLike<number>): string {
  if (family === 4) {
    const word = words[0] as number;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  const groups: number[] = [];
  for (let i = 0; i < 4; i += 1) groups.push((words[i] as number) >>> 16, (words[i] as number) & 0xffff);
  const { start, count } = longestZeroRun(groups);
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (count < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + count))}`;
}

/** RFC 5952 4.2: the first of the longest runs is shortened. */
function longestZeroRun(groups: number[]): { start: number; count: number } {
  let best = { start: 0, count: 0 };
  for (let start = 0; start < 8; start += 1) {
    let end = start;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - start > best.count) best = { start, count: end - start };
  }
  return best;
}

/** Word `index` of the mask of a length. */
export function maskWord(length: number, index: number): number {
  const bits = Math.min(32, Math.max(0, length - 32 * index));
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
}

/** True when no bit stands behind the length. */
export function hasClearHostBits(prefix: Prefix): boolean {
  return prefix.words.every((word, index) => (word & ~maskWord(prefix.length, index)) === 0);
}

/** True when the address lies in the prefix. */
export function contains(prefix: Prefix, words: ArrayLike<number>): boolean {
  return prefix.words.every(
    (word, index) => ((word ^ (words[index] as number)) & maskWord(prefix.length, index)) === 0,
  );
}

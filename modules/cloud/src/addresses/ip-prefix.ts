// CIDR blocks of both families: reading, masks, containment, number of addresses.

import {
  ADDRESS_CHARACTERS_MAX,
  bitsOf,
  type Family,
  formatIpAddress,
  type IpAddress,
  parseIpAddress,
} from './ip-address.ts';

export interface IpPrefix extends IpAddress {
  /** 0..32 or 0..128; the bits behind it are clear. */
  length: number;
}

export type PrefixCheck = { ok: true; prefix: IpPrefix; hadHostBits: boolean } | { ok: false; why: string };

const PREFIX_CHARACTERS_MAX = ADDRESS_CHARACTERS_MAX + '/128'.length;

/** Reads `address/length`; host bits are cleared and told. Never throws. */
export function checkIpPrefix(text: string): PrefixCheck {
  const slash = text.indexOf('/');
  if (slash < 0 || text.length > PREFIX_CHARACTERS_MAX) return { ok: false, why: 'wanted a.b.c.d/n' };
  const shown = text.slice(0, slash);
  const lengthText = text.slice(slash + 1);
  const address = parseIpAddress(shown);
  if (!address) return { ok: false, why: `"${shown}" is no IP address` };
  // A mapped address would read its length in another family.
  if (address.family === 4 && shown.includes(':')) return { ok: false, why: `"${shown}" is an IPv4-mapped address` };
  const max = bitsOf(address.family);
  if (!/^[0-9]{1,3}$/.test(lengthText) || Number(lengthText) > max) {
    return { ok: false, why: `prefix length "${lengthText}", wanted 0 to ${max}` };
  }
  const length = Number(lengthText);
  const words = maskWords(address.words, length);
  const hadHostBits = words.some((word, index) => word !== address.words[index]);
  return { ok: true, prefix: { family: address.family, words, length }, hadHostBits };
}

/** The prefix of a text that is known to be one. RangeError otherwise. */
export function parseIpPrefix(text: string): IpPrefix {
  const check = checkIpPrefix(text);
  if (!check.ok) throw new RangeError(`Cannot read the prefix "${text.slice(0, PREFIX_CHARACTERS_MAX)}": ${check.why}`);
  return check.prefix;
}

export function formatIpPrefix(prefix: IpPrefix): string {
  return `${formatIpAddress(prefix)}/${prefix.length}`;
}

export function maskWords(words: readonly number[], length: number): number[] {
  return words.map((word, index) => (word & wordMask(length - index * 32)) >>> 0);
}

/** Mask of one word of which `bits` bits count: clipped to 0..32. */
export function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

/** Does `outer` hold all of `inner`? Equal ones hold each other. */
export function containsPrefix(outer: IpPrefix, inner: IpPrefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  return maskWords(inner.words, outer.length).every((word, index) => word === outer.words[index]);
}

export function overlapsPrefix(a: IpPrefix, b: IpPrefix): boolean {
  return containsPrefix(a, b) || containsPrefix(b, a);
}

/** The one address as a prefix of full length. */
export function hostPrefix(address: IpAddress): IpPrefix {
  return { ...address, length: bitsOf(address.family) };
}

/** Addresses that the prefixes of one family hold together, those in several counted once. IPv6 beyond 2^53 is rounded. */
export function countAddresses(prefixes: readonly IpPrefix[], family: Family): number {
  const sorted = prefixes.filter((prefix) => prefix.family === family).sort(comparePrefixes);
  let last: IpPrefix | undefined;
  let count = 0;
  for (const prefix of sorted) {
    if (last && containsPrefix(last, prefix)) continue;
    count += 2 ** (bitsOf(family) - prefix.length);
    last = prefix;
  }
  return count;
}

/** By family, address, then the shorter prefix first. */
export function comparePrefixes(a: IpPrefix, b: IpPrefix): number {
  if (a.family !== b.family) return a.family - b.family;
  for (let i = 0; i < a.words.length; i += 1) {
    if (a.words[i] !== b.words[i]) return a.words[i]! - b.words[i]!;
  }
  return a.length - b.length;
}

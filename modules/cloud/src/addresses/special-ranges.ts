// Address ranges that are not of the public internet (IANA special-purpose registries, RFC 6890): which of them can hold clients at all.

import { type IpPrefix, overlapsPrefix, parseIpPrefix } from './ip-prefix.ts';

interface Range {
  text: string;
  prefix: IpPrefix;
  /** `private`: clients of an own network may live there. `never`: no client ever does. */
  kind: 'private' | 'never';
  name: string;
}

const range = (text: string, kind: Range['kind'], name: string): Range => ({
  ...{ text, kind, name },
  prefix: parseIpPrefix(text),
});

const RANGES: readonly Range[] = [
  range('0.0.0.0/8', 'never', 'this network'),
  range('10.0.0.0/8', 'private', 'private use'),
  range('100.64.0.0/10', 'private', 'carrier-grade address translation'),
  range('127.0.0.0/8', 'private', 'loopback'),
  range('169.254.0.0/16', 'never', 'link-local'),
  range('172.16.0.0/12', 'private', 'private use'),
  range('192.0.0.0/24', 'never', 'protocol assignments'),
  range('192.0.2.0/24', 'private', 'documentation'),
  range('192.168.0.0/16', 'private', 'private use'),
  range('198.18.0.0/15', 'private', 'benchmarking'),
  range('198.51.100.0/24', 'private', 'documentation'),
  range('203.0.113.0/24', 'private', 'documentation'),
  range('224.0.0.0/4', 'never', 'multicast'),
  range('240.0.0.0/4', 'never', 'reserved'),
  range('::/8', 'never', 'unspecified, loopback and mapped'),
  range('100::/64', 'never', 'discard-only'),
  range('2001:db8::/32', 'private', 'documentation'),
  range('fc00::/7', 'private', 'unique local'),
  range('fe80::/10', 'never', 'link-local'),
  range('ff00::/8', 'never', 'multicast'),
];

export interface SpecialRange {
  kind: Range['kind'];
  /** e.g. `10.0.0.0/8 (private use)`. */
  text: string;
}

/** The special range that the prefix lies in, over or equals; the worst kind first. undefined = public addresses only. */
export function specialRangeOf(prefix: IpPrefix): SpecialRange | undefined {
  const found = RANGES.filter((candidate) => overlapsPrefix(candidate.prefix, prefix));
  const worst = found.find((candidate) => candidate.kind === 'never') ?? found[0];
  return worst && { kind: worst.kind, text: `${worst.text} (${worst.name})` };
}

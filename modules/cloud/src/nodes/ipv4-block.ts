// IPv4 addresses and CIDR blocks as numbers. No host names, no IPv6, no short forms.

import { isIPv4 } from 'node:net';

/** The address as an unsigned 32 bit number. */
function ipv4ToNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function numberToIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

export type BlockCheck = { ok: true; block: string } | { ok: false; why: string };

/** Checks `a.b.c.d/n`: prefix length 1..32, no host bits. 0.0.0.0/0 would claim the whole internet and is refused. */
export function checkIpv4Block(text: string): BlockCheck {
  const [address, length, ...rest] = text.split('/');
  if (!address || length === undefined || rest.length > 0) return { ok: false, why: 'wanted a.b.c.d/n' };
  if (address.includes(':')) return { ok: false, why: 'Only IPv4 addresses are supported at this time' };
  if (!isIPv4(address)) return { ok: false, why: `"${address}" is no IPv4 address` };
  if (!/^[0-9]{1,2}$/.test(length) || Number(length) < 1 || Number(length) > 32) {
    return { ok: false, why: `prefix length "${length}", wanted 1 to 32` };
  }
  const size = 2 ** (32 - Number(length));
  const value = ipv4ToNumber(address);
  const network = value - (value % size);
  if (network !== value) {
    return { ok: false, why: `host bits are set, the block is ${numberToIpv4(network)}/${Number(length)}` };
  }
  return { ok: true, block: `${numberToIpv4(network)}/${Number(length)}` };
}

/** Can a server answer clients there? Not 0/8, link-local (cloud metadata services live there), multicast and beyond. */
export function isServerAddress(address: string): boolean {
  const value = ipv4ToNumber(address);
  const first = value >>> 24;
  return first !== 0 && first < 224 && value >>> 16 !== 0xa9fe;
}

// Whose address a request is answered for: the socket's, and X-Forwarded-For only as far as trusted proxies wrote it.

import { type IpAddress, parseIpAddress } from '../addresses/ip-address.ts';
import { containsPrefix, hostPrefix, type IpPrefix, parseIpPrefix } from '../addresses/ip-prefix.ts';

/** Longest header that is looked at, and hops in it: an honest chain has two or three. */
const FORWARDED_CHARACTERS_MAX = 2_000;
const HOPS_MAX = 20;

export class ClientAddresses {
  readonly #trusted: readonly IpPrefix[];

  constructor(trustedProxies: readonly string[]) {
    this.#trusted = trustedProxies.map(parseIpPrefix);
  }

  /**
   * From the right of the header each hop was written by the one after it; the first that is no trusted proxy is the client.
   * What stands left of it is the client's own claim and is not read. undefined: the chain cannot be read.
   */
  of(peer: string | undefined, forwardedFor: string | undefined): IpAddress | undefined {
    let address = parseIpAddress((peer ?? '').replace(/%.*$/, ''));
    if (!address || forwardedFor === undefined || !this.#isTrusted(address)) return address;
    if (forwardedFor.length > FORWARDED_CHARACTERS_MAX) return undefined;
    const hops = forwardedFor.split(',');
    for (const hop of hops.reverse().slice(0, HOPS_MAX)) {
      address = parseIpAddress(withoutPort(hop.trim()));
      if (!address || !this.#isTrusted(address)) return address;
    }
    return address;
  }

  #isTrusted(address: IpAddress): boolean {
    const host = hostPrefix(address);
    return this.#trusted.some((prefix) => containsPrefix(prefix, host));
  }
}

/** Some proxies write `1.2.3.4:567` and `[2001:db8::1]:567`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](:\d+)?$/.exec(hop);
  if (bracketed) return bracketed[1] ?? '';
  return /^[0-9.]+:\d+$/.test(hop) ? hop.slice(0, hop.indexOf(':')) : hop;
}

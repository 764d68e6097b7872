// Counts the addresses of many prefixes, those in several counted once. IPv4 as plain numbers, so that a full BGP table is counted in a blink.

import { countAddresses, type IpPrefix } from '../addresses/ip-prefix.ts';
import type { Space } from './review.ts';

/** Room for the length behind the address: 2^32 addresses * 64 < 2^53. */
const LENGTH_PLACES = 64;

export class AddressCounter {
  readonly #ipv4: number[] = [];
  readonly #ipv6: IpPrefix[] = [];

  add(prefix: IpPrefix): void {
    if (prefix.family === 4) this.#ipv4.push(prefix.words[0]! * LENGTH_PLACES + prefix.length);
    else this.#ipv6.push(prefix);
  }

  /** IPv6 beyond 2^53 is rounded. */
  space(): Space {
    return { ipv4Addresses: this.#countIpv4(), ipv6Addresses: countAddresses(this.#ipv6, 6) };
  }

  #countIpv4(): number {
    let count = 0;
    let end = 0;
    // By address, the shorter prefix first: one that begins before the end of the last lies within it.
    for (const packed of Float64Array.from(this.#ipv4).sort()) {
      const length = packed % LENGTH_PLACES;
      const start = (packed - length) / LENGTH_PLACES;
      if (start < end) continue;
      count += 2 ** (32 - length);
      end = start + 2 ** (32 - length);
    }
    return count;
  }
}

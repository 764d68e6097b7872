// Which addresses the cache may connect to when only a host name was configured: public unicast, nothing else.

import type { LookupAddress } from 'node:dns';
import { BlockList, isIPv4, type LookupFunction } from 'node:net';
import { EdgeError } from '@wayside/kit';

/** IANA special-purpose registries (RFC 6890 and successors). 169.254.169.254 and fd00:ec2::254 (metadata) are inside. */
const SPECIAL_IPV4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
/** Azure's platform address: public by number, internal by use. */
const PLATFORM_IPV4 = ['168.63.129.16'];
const GLOBAL_IPV6: readonly [string, number][] = [['2000::', 3]];
const SPECIAL_IPV6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const refused = new BlockList();
for (const [net, prefix] of SPECIAL_IPV4) refused.addSubnet(net, prefix, 'ipv4');
for (const address of PLATFORM_IPV4) refused.addAddress(address, 'ipv4');
for (const [net, prefix] of SPECIAL_IPV6) refused.addSubnet(net, prefix, 'ipv6');
const globalIpv6 = new BlockList();
for (const [net, prefix] of GLOBAL_IPV6) globalIpv6.addSubnet(net, prefix, 'ipv6');

/** Public unicast address. IPv4-mapped IPv6 addresses lie outside 2000::/3 and are refused with the rest. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !refused.check(address, 'ipv4');
  return globalIpv6.check(address, 'ipv6') && !refused.check(address, 'ipv6');
}

/** Every address of a name; rejects with the error of the look-up. */
export type ResolveHost = (host: string) => Promise<LookupAddress[]>;

/** A `lookup` for net.connect by a resolver of ours; whatever address it finds. */
export function openLookup(resolve: ResolveHost): LookupFunction {
  return lookupOf(resolve, () => true);
}

/**
 * A `lookup` for net.connect that hands out public addresses only, so what is checked is what is connected to.
 * Fails with CACHE_ORIGIN_ADDRESS_REFUSED when none is left.
 */
export function guardedLookup(resolve: ResolveHost): LookupFunction {
  return lookupOf(resolve, isPublicAddress);
}

function lookupOf(resolve: ResolveHost, isAllowed: (address: string) => boolean): LookupFunction {
  return (host, options, done) => {
    resolve(host).then(
      (addresses) => {
        const family = options.family === 4 || options.family === 6 ? options.family : 0;
        const allowed = addresses.filter((a) => isAllowed(a.address) && (family === 0 || a.family === family));
        const [first] = allowed;
        if (first === undefined) {
          const text = `Cannot fetch from "${host}": it resolves to ${addresses.map((a) => a.address).join(', ') || 'nothing'}, wanted a public address`;
          done(new EdgeError('CACHE_ORIGIN_ADDRESS_REFUSED', text, { source: 'upstream' }), []);
        } else if (options.all) {
          done(null, allowed);
        } else {
          done(null, first.address, first.family);
        }
      },
      (error: NodeJS.ErrnoException) => done(error, []),
    );
  };
}

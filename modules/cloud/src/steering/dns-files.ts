// Files that make a DNS server answer CDN names with the nodes' addresses, for clients that know no cache. Pure.

import type { OfferedNodes } from './offered-nodes.ts';

export type DnsServer = 'bind' | 'dnsmasq' | 'unbound';
export const DNS_SERVERS: readonly DnsServer[] = ['bind', 'dnsmasq', 'unbound'];

export interface DnsSteering {
  /** Names, or `*.` and a name: everything below it. */
  hosts: readonly string[];
  nodes: OfferedNodes;
  ttlSecs: number;
  /** Of the zone, RFC 1035 3.3.13: rises with every file. */
  serial: number;
}

/** How long a secondary may go on without its primary, seconds (RFC 1912 2.2). */
const SOA_REFRESH_SECS = 3_600;
const SOA_RETRY_SECS = 600;
const SOA_EXPIRE_SECS = 1_209_600;

export function dnsSteeringText(server: DnsServer, steering: DnsSteering): string {
  return `${WRITERS[server](steering).join('\n')}\n`;
}

const WRITERS: { readonly [server in DnsServer]: (steering: DnsSteering) => string[] } = {
  bind: (steering) => [
    ...header(';', 'bind', steering),
    `$TTL ${steering.ttlSecs}`,
    `@ IN SOA localhost. hostmaster.localhost. ${steering.serial} ${SOA_REFRESH_SECS} ${SOA_RETRY_SECS} ${SOA_EXPIRE_SECS} ${steering.ttlSecs}`,
    '@ IN NS localhost.',
    // Only A: a query for AAAA gets no data, so that nobody goes past the node by IPv6.
    ...steering.hosts.flatMap((host) => steering.nodes.addresses.map((address) => `${host} IN A ${address}`)),
  ],
  dnsmasq: (steering) => [
    ...header('#', 'dnsmasq', steering),
    `local-ttl=${steering.ttlSecs}`,
    ...subtreesOf(steering.hosts).flatMap((name) => [
      ...steering.nodes.addresses.map((address) => `address=/${name}/${address}`),
      // Without it dnsmasq asks upstream for AAAA, and clients go past the node by IPv6.
      `local=/${name}/`,
    ]),
  ],
  unbound: (steering) => [
    ...header('#', 'unbound', steering),
    'server:',
    ...subtreesOf(steering.hosts).flatMap((name) => [
      `    local-zone: "${name}." redirect`,
      ...steering.nodes.addresses.map((address) => `    local-data: "${name}. ${steering.ttlSecs} IN A ${address}"`),
    ]),
  ],
};

const PLACES: { readonly [server in DnsServer]: string } = {
  bind: 'a response policy zone: zone "wayside.rpz" { type primary; file "wayside.rpz"; }; options { response-policy { zone "wayside.rpz"; }; };',
  dnsmasq: 'a file in /etc/dnsmasq.d; a name stands for everything below it, too',
  unbound: 'a file in /etc/unbound/unbound.conf.d; a name stands for everything below it, too',
};

function header(comment: string, server: DnsServer, { nodes }: DnsSteering): string[] {
  return [
    `CDN names answered with the addresses of cache nodes: ${PLACES[server]}`,
    'Not for the nodes themselves: they must ask a resolver that knows the real addresses.',
    `Nodes: ${nodes.names.join(', ')}`,
    ...nodes.leftOut.map((text) => `Left out: ${text}`),
  ].map((text) => `${comment} ${text.replaceAll(/[^\x20-\x7e]/g, '?')}`);
}

/** dnsmasq and unbound answer a name and all below it: names that lie below another are said already. */
function subtreesOf(hosts: readonly string[]): string[] {
  const names = [...new Set(hosts.map((host) => host.replace(/^\*\./, '')))].sort();
  return names.filter((name) => !names.some((other) => name !== other && name.endsWith(`.${other}`)));
}

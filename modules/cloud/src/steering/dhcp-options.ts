// DHCP options that tell Windows clients their cache: 235 = cache hosts, 234 = group id, both text (connected-cache.md 3.2). Pure.

import type { OfferedNodes } from './offered-nodes.ts';

export type DhcpServer = 'dnsmasq' | 'isc' | 'kea';
export const DHCP_SERVERS: readonly DhcpServer[] = ['dnsmasq', 'isc', 'kea'];

const GROUP_ID_CODE = 234;
const CACHE_HOST_CODE = 235;

export interface DhcpOptions {
  /** GUID; undefined = option 234 is left out. */
  groupId: string | undefined;
  nodes: OfferedNodes;
}

/** A file, or the part of one, that the DHCP server takes as it is. */
export function dhcpOptionsText(server: DhcpServer, options: DhcpOptions): string {
  const cacheHost = options.nodes.addresses.join(',');
  const texts = [
    ...(options.groupId === undefined ? [] : [{ code: GROUP_ID_CODE, name: 'do-group-id', text: options.groupId }]),
    { code: CACHE_HOST_CODE, name: 'do-cache-host', text: cacheHost },
  ];
  const lines = WRITERS[server](texts);
  return `${[...header(server, options.nodes), ...lines].join('\n')}\n`;
}

interface TextOption {
  code: number;
  name: string;
  text: string;
}

const WRITERS: { readonly [server in DhcpServer]: (options: readonly TextOption[]) => string[] } = {
  // As bytes: dnsmasq would read a list of addresses as addresses, not as text.
  dnsmasq: (options) =>
    options.flatMap(({ code, text }) => [`# ${text}`, `dhcp-option=${code},${hexOf(text).join(':')}`]),
  isc: (options) => [
    ...options.map(({ code, name }) => `option ${name} code ${code} = text;`),
    ...options.map(({ name, text }) => `option ${name} "${text}";`),
  ],
  // As bytes: in a text Kea would read each comma as the end of a field.
  kea: (options) => {
    const definitions = options.map(({ code, name }) => ({ name, code, space: 'dhcp4', type: 'string' }));
    const data = options.map(({ code, name, text }) => ({
      ...{ name, code, space: 'dhcp4', 'csv-format': false, data: hexOf(text).join('') },
      'user-context': { text },
    }));
    return JSON.stringify({ Dhcp4: { 'option-def': definitions, 'option-data': data } }, undefined, 2).split('\n');
  },
};

const COMMENTS: { readonly [server in DhcpServer]: string } = { dnsmasq: '#', isc: '#', kea: '//' };
const PLACES: { readonly [server in DhcpServer]: string } = {
  dnsmasq: 'a file in /etc/dnsmasq.d',
  isc: 'before the subnets in dhcpd.conf',
  kea: 'merged into the Dhcp4 section of kea-dhcp4.conf',
};

function header(server: DhcpServer, nodes: OfferedNodes): string[] {
  return [
    `Cache nodes for Windows clients by DHCP: ${PLACES[server]}.`,
    'Clients use it when the policy DOCacheHostSource is 1 (DOCacheHost unset) or 2.',
    `Nodes: ${nodes.names.join(', ')}`,
    ...nodes.leftOut.map((text) => `Left out: ${text}`),
  ].map((text) => `${COMMENTS[server]} ${text.replaceAll(/[^\x20-\x7e]/g, '?')}`);
}

function hexOf(text: string): string[] {
  return [...Buffer.from(text, 'latin1')].map((byte) => byte.toString(16).padStart(2, '0'));
}

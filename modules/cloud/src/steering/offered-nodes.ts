// Which nodes a DHCP or DNS file may name: both say a host and no port, and stay on a server for months. Pure.

import type { NodeRecord } from '../nodes/node-record.ts';
import type { RoutedNode } from '../routing/decide.ts';
import { HTTP_PORT } from './cache-host.ts';

/** Addresses of one file: DHCP's option 235 must fit its 255 bytes (RFC 2132), and an answer of DNS one packet. */
export const OFFERED_NODES_MAX = 15;

export interface OfferedNodes {
  /** IPv4 addresses, the node with the largest egress first. */
  addresses: string[];
  names: string[];
  /** One sentence a node that was left out. */
  leftOut: string[];
}

/** Passing troubles do not count: a file outlives them, and clients go to the CDN by themselves. */
const LASTING: readonly (RoutedNode['fault'] | undefined)[] = [
  'NodeDisabled',
  'NodeDraining',
  'NodeWithoutAddress',
  'SpaceNotApproved',
];

export function offerNodes(
  nodes: readonly (Pick<RoutedNode, 'name' | 'fault' | 'faultText' | 'maxEgressMbps'> & { record: NodeRecord })[],
): OfferedNodes {
  const offered: OfferedNodes = { addresses: [], names: [], leftOut: [] };
  const sorted = [...nodes].sort((a, b) => b.maxEgressMbps - a.maxEgressMbps || (a.name < b.name ? -1 : 1));
  for (const { name, fault, faultText, record } of sorted) {
    if (record.ipAddress === null || LASTING.includes(fault)) offered.leftOut.push(`${name}: ${faultText}`);
    else if (record.httpPort !== HTTP_PORT) {
      offered.leftOut.push(`${name}: it serves port ${record.httpPort}, clients ask port ${HTTP_PORT}`);
    } else if (offered.names.length >= OFFERED_NODES_MAX) {
      offered.leftOut.push(`${name}: ${OFFERED_NODES_MAX} nodes are named already`);
    } else {
      offered.addresses.push(record.ipAddress);
      offered.names.push(name);
    }
  }
  return offered;
}

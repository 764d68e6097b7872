// How clients are told a node: the value of DOCacheHost.

import type { NodeRecord } from '../nodes/node-record.ts';

export const HTTP_PORT = 80;

/** `address`, with `:port` where it is not 80 (do-client takes that; Windows knows names and addresses only). '' = no address. */
export function cacheHostOf({ ipAddress, httpPort }: Pick<NodeRecord, 'ipAddress' | 'httpPort'>): string {
  if (ipAddress === null) return '';
  return httpPort === HTTP_PORT ? ipAddress : `${ipAddress}:${httpPort}`;
}

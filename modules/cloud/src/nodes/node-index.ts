// The columns by which cache nodes are found and put in order, of all of them at once: no secret is opened and no JSON read for it.

import type { NodeDb } from './tables.ts';

export interface NodeEntry {
  name: string;
  cacheNodeId: string;
  customerId: string;
  ipAddress: string | null;
  /** JSON text [string], as it is stored. */
  cidrs: string;
  maxEgressMbps: number;
  isEnabled: boolean;
  isDraining: boolean;
  prefixSource: 'manual' | 'bgp';
  asn: number | null;
  provisionedHost: string | null;
}

export async function readNodeIndex(db: NodeDb): Promise<NodeEntry[]> {
  const rows = await db
    .selectFrom('cache_node')
    .select(['name', 'cache_node_id', 'customer_id', 'ip_address', 'cidrs', 'max_egress_mbps', 'is_enabled'])
    .select(['is_draining', 'prefix_source', 'asn', 'provisioned_host'])
    .execute();
  return rows.map((row) => ({
    name: row.name,
    cacheNodeId: row.cache_node_id,
    customerId: row.customer_id,
    ipAddress: row.ip_address,
    cidrs: row.cidrs,
    maxEgressMbps: row.max_egress_mbps,
    isEnabled: row.is_enabled === 1,
    isDraining: row.is_draining === 1,
    prefixSource: row.prefix_source,
    asn: row.asn,
    provisionedHost: row.provisioned_host,
  }));
}

// Cache nodes in the store.

import type { Selectable } from 'kysely';
import type { NodeRecord } from './node-record.ts';
import type { CacheNodeTable, NodeDb } from './tables.ts';

export async function readNode(db: NodeDb, name: string): Promise<NodeRecord | undefined> {
  const row = await db.selectFrom('cache_node').selectAll().where('name', '=', name).executeTakeFirst();
  return row && toRecord(row);
}

/** By name, all of them. */
export async function readNodes(db: NodeDb): Promise<NodeRecord[]> {
  return (await db.selectFrom('cache_node').selectAll().orderBy('name').execute()).map(toRecord);
}

export async function insertNode(db: NodeDb, node: NodeRecord): Promise<void> {
  await db.insertInto('cache_node').values(toRow(node)).execute();
}

/** Writes the fields; ids, keys and the registration stay. */
export async function updateNodeFields(db: NodeDb, node: NodeRecord): Promise<void> {
  const {
    name: _name,
    name_key: _key,
    cache_node_id: _id,
    customer_id: _customer,
    customer_key: _secret,
    ...row
  } = toRow(node);
  const {
    created_ms: _at,
    provisioned_ms: _ms,
    provisioned_host: _host,
    provisioned_version: _version,
    ...fields
  } = row;
  await db.updateTable('cache_node').set(fields).where('name', '=', node.name).execute();
}

/** With it go its keys, events and figures (foreign keys). */
export async function deleteNodeRow(db: NodeDb, name: string): Promise<void> {
  await db.deleteFrom('cache_node').where('name', '=', name).execute();
}

function toRecord(row: Selectable<CacheNodeTable>): NodeRecord {
  return {
    name: row.name,
    cacheNodeId: row.cache_node_id,
    customerKey: row.customer_key,
    ipAddress: row.ip_address,
    httpPort: row.http_port,
    summaryPort: row.summary_port,
    maxEgressMbps: row.max_egress_mbps,
    drives: JSON.parse(row.drives),
    isEnabled: row.is_enabled === 1,
    prefixSource: row.prefix_source,
    cidrs: JSON.parse(row.cidrs),
    asn: row.asn,
    isDraining: row.is_draining === 1,
    customerId: row.customer_id,
    createdAtMs: row.created_ms,
    updatedAtMs: row.updated_ms,
    provisionedAtMs: row.provisioned_ms,
    provisionedHost: row.provisioned_host,
  };
}

function toRow(node: NodeRecord): CacheNodeTable {
  return {
    name: node.name,
    name_key: node.name.toLowerCase(),
    cache_node_id: node.cacheNodeId,
    customer_key: node.customerKey,
    ip_address: node.ipAddress,
    http_port: node.httpPort,
    summary_port: node.summaryPort,
    max_egress_mbps: node.maxEgressMbps,
    drives: JSON.stringify(node.drives),
    is_enabled: node.isEnabled ? 1 : 0,
    prefix_source: node.prefixSource,
    cidrs: JSON.stringify(node.cidrs),
    customer_id: node.customerId,
    asn: node.asn,
    is_draining: node.isDraining ? 1 : 0,
    created_ms: node.createdAtMs,
    updated_ms: node.updatedAtMs,
    provisioned_ms: node.provisionedAtMs,
    provisioned_host: node.provisionedHost,
    provisioned_version: null,
  };
}

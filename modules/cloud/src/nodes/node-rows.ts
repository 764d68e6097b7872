// Cache nodes in the store.

import type { Selectable } from 'kysely';
import { NAMES_MAX } from '../health/cache-now.ts';
import { BGP_DEFAULTS } from './bgp-fields.ts';
import type { NodeRecord } from './node-record.ts';
import type { CacheNodeTable, NodeDb } from './tables.ts';

export async function readNode(db: NodeDb, name: string): Promise<NodeRecord | undefined> {
  const row = await db.selectFrom('cache_node').selectAll().where('name', '=', name).executeTakeFirst();
  return row && toRecord(row);
}

export async function readNodeById(db: NodeDb, cacheNodeId: string): Promise<NodeRecord | undefined> {
  const row = await db.selectFrom('cache_node').selectAll().where('cache_node_id', '=', cacheNodeId).executeTakeFirst();
  return row && toRecord(row);
}

/** Those that have the name, in any case, or the address and port: what another node could be in conflict with. */
export async function readRivals(
  db: NodeDb,
  { name, ipAddress, httpPort }: Pick<NodeRecord, 'name' | 'ipAddress' | 'httpPort'>,
): Promise<NodeRecord[]> {
  const rows = await db
    .selectFrom('cache_node')
    .selectAll()
    .where((of) =>
      of.or([
        of('name_key', '=', name.toLowerCase()),
        of.and([of('ip_address', '=', ipAddress ?? ''), of('http_port', '=', httpPort)]),
      ]),
    )
    .orderBy('name')
    .execute();
  return rows.map(toRecord);
}

export async function countNodes(db: NodeDb): Promise<number> {
  const { count } = await db
    .selectFrom('cache_node')
    .select((of) => of.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** By name, all of them. */
export async function readNodes(db: NodeDb): Promise<NodeRecord[]> {
  return (await db.selectFrom('cache_node').selectAll().orderBy('name').execute()).map(toRecord);
}

/** Those of the names that are there, in their order. Many are read with all others: a statement takes so many names. */
export async function readNodesNamed(db: NodeDb, names: readonly string[]): Promise<NodeRecord[]> {
  if (names.length === 0) return [];
  const all = db.selectFrom('cache_node').selectAll();
  const rows = await (names.length > NAMES_MAX ? all : all.where('name', 'in', names)).execute();
  const byName = new Map(rows.map((row) => [row.name, row]));
  return names.flatMap((name) => {
    const row = byName.get(name);
    return row ? [toRecord(row)] : [];
  });
}

export async function insertNode(db: NodeDb, node: NodeRecord): Promise<void> {
  await db.insertInto('cache_node').values(toRow(node)).execute();
}

/** Writes the fields; ids, keys and the registration stay. */
export async function updateNodeFields(db: NodeDb, node: NodeRecord): Promise<void> {
  await db.updateTable('cache_node').set(fieldColumns(node)).where('name', '=', node.name).execute();
}

export async function writeCustomerKey(db: NodeDb, node: NodeRecord): Promise<void> {
  const set = { customer_key: node.customerKey, updated_ms: node.updatedAtMs };
  await db.updateTable('cache_node').set(set).where('name', '=', node.name).execute();
}

/** The server is gone: the node waits for another one to register. What is known of the one before is no heartbeat of the next. */
export async function forgetServer(db: NodeDb, name: string): Promise<void> {
  const none = { provisioned_ms: null, provisioned_host: null, provisioned_version: null };
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom('registration_key').where('node_name', '=', name).execute();
    await trx.updateTable('cache_node').set(none).where('name', '=', name).execute();
    const silent = { heartbeat_ms: null, daemon: null };
    await trx.updateTable('node_status').set(silent).where('node_name', '=', name).execute();
  });
}

/** Digest of the manifest that was made from the fields and deployed; null = what is deployed is somebody's own. */
export async function readManifestHash(db: NodeDb, name: string): Promise<string | null> {
  const row = await db.selectFrom('cache_node').select('manifest_hash').where('name', '=', name).executeTakeFirst();
  return row?.manifest_hash ?? null;
}

export async function writeManifestHash(db: NodeDb, name: string, hash: string): Promise<void> {
  await db.updateTable('cache_node').set({ manifest_hash: hash }).where('name', '=', name).execute();
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
    bgp: row.bgp === null ? BGP_DEFAULTS : JSON.parse(row.bgp),
    bgpPasswords: JSON.parse(row.bgp_passwords),
    proxy: row.proxy,
    proxyCertificatePath: row.proxy_certificate_path,
    updateRing: row.update_ring === null ? null : JSON.parse(row.update_ring),
    customerId: row.customer_id,
    createdAtMs: row.created_ms,
    updatedAtMs: row.updated_ms,
    provisionedAtMs: row.provisioned_ms,
    provisionedHost: row.provisioned_host,
    importedAtMs: row.imported_ms,
    moduleVersion: row.module_version,
    updateState: JSON.parse(row.update_state),
  };
}

type FieldColumn = Exclude<keyof CacheNodeTable, IdColumn>;
type IdColumn =
  | 'name'
  | 'name_key'
  | 'cache_node_id'
  | 'customer_key'
  | 'customer_id'
  | 'created_ms'
  | 'provisioned_ms'
  | 'provisioned_host'
  | 'provisioned_version'
  | 'imported_ms'
  | 'manifest_hash'
  | 'module_version'
  | 'update_state';

function fieldColumns(node: NodeRecord): Pick<CacheNodeTable, FieldColumn> {
  return {
    ip_address: node.ipAddress,
    http_port: node.httpPort,
    summary_port: node.summaryPort,
    max_egress_mbps: node.maxEgressMbps,
    drives: JSON.stringify(node.drives),
    is_enabled: node.isEnabled ? 1 : 0,
    prefix_source: node.prefixSource,
    cidrs: JSON.stringify(node.cidrs),
    asn: node.asn,
    is_draining: node.isDraining ? 1 : 0,
    bgp: JSON.stringify(node.bgp),
    bgp_passwords: JSON.stringify(node.bgpPasswords),
    proxy: node.proxy,
    proxy_certificate_path: node.proxyCertificatePath,
    update_ring: node.updateRing === null ? null : JSON.stringify(node.updateRing),
    updated_ms: node.updatedAtMs,
  };
}

function toRow(node: NodeRecord): CacheNodeTable {
  return {
    ...fieldColumns(node),
    name: node.name,
    name_key: node.name.toLowerCase(),
    cache_node_id: node.cacheNodeId,
    customer_key: node.customerKey,
    customer_id: node.customerId,
    created_ms: node.createdAtMs,
    provisioned_ms: node.provisionedAtMs,
    provisioned_host: node.provisionedHost,
    provisioned_version: null,
    imported_ms: node.importedAtMs,
    manifest_hash: null,
    module_version: node.moduleVersion,
    update_state: JSON.stringify(node.updateState),
  };
}

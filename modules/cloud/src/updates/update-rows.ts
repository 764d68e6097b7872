// Versions and updates of nodes in the store.

import type { Generated } from 'kysely';
import type { NodeDb } from '../nodes/tables.ts';
import type { Actor } from '../platform.ts';
import type { UpdateReason, UpdateState } from './decide-update.ts';
import type { UpdateRing } from './update-ring.ts';

/** Updates kept of a node; the oldest go first. */
export const UPDATES_PER_NODE_MAX = 100;
/** Names in one statement. */
const NAMES_CHUNK = 500;

export type UpdateRowState = 'underway' | 'late' | 'applied' | 'failed' | 'superseded';

export interface NodeUpdateTable {
  seq: Generated<number>;
  node_name: string;
  version: string;
  from_version: string;
  reason: UpdateReason;
  by_whom: string;
  started_ms: number;
  state: UpdateRowState;
  ended_ms: number | null;
  error: string | null;
}

/** What the loop looks at, of every node. */
export interface VersionedNode {
  name: string;
  customerId: string;
  moduleVersion: string | null;
  ring: UpdateRing | null;
  state: UpdateState;
  isRunning: boolean;
}

export async function readVersionedNodes(db: NodeDb, name?: string): Promise<VersionedNode[]> {
  let query = db
    .selectFrom('cache_node as node')
    .leftJoin('node_status as status', 'status.node_name', 'node.name')
    .select(['node.name', 'node.customer_id', 'node.module_version', 'node.update_ring', 'node.update_state'])
    .select(['node.provisioned_ms', 'status.heartbeat_ms'])
    .orderBy('node.name');
  if (name !== undefined) query = query.where('node.name', '=', name);
  return (await query.execute()).map((row) => ({
    name: row.name,
    customerId: row.customer_id,
    moduleVersion: row.module_version,
    ring: row.update_ring === null ? null : JSON.parse(row.update_ring),
    state: row.update_state === '{}' ? {} : JSON.parse(row.update_state),
    // One that was given a connection string by hand never registered.
    isRunning: row.provisioned_ms !== null || row.heartbeat_ms !== null,
  }));
}

/** Newest health messages of these nodes, JSON. */
export async function readHealth(db: NodeDb, names: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < names.length; at += NAMES_CHUNK) {
    const rows = await db
      .selectFrom('node_status')
      .select(['node_name', 'health'])
      .where('node_name', 'in', names.slice(at, at + NAMES_CHUNK))
      .execute();
    for (const { node_name, health } of rows) if (health !== null) found.set(node_name, health);
  }
  return found;
}

export async function writeVersion(
  db: NodeDb,
  name: string,
  { moduleVersion, updateState }: { moduleVersion?: string; updateState: UpdateState },
): Promise<void> {
  const version = moduleVersion === undefined ? {} : { module_version: moduleVersion };
  const set = { ...version, update_state: JSON.stringify(updateState) };
  await db.updateTable('cache_node').set(set).where('name', '=', name).execute();
}

export async function addUpdate(
  trx: NodeDb,
  update: { name: string; version: string; from: string; reason: UpdateReason; by: Actor; atMs: number },
): Promise<void> {
  const { seq } = await trx
    .insertInto('node_update')
    .values({
      node_name: update.name,
      version: update.version,
      from_version: update.from,
      reason: update.reason,
      by_whom: update.by,
      started_ms: update.atMs,
      state: 'underway',
      ended_ms: null,
      error: null,
    })
    .returning('seq')
    .executeTakeFirstOrThrow();
  // One that another took the place of has ended.
  await trx
    .updateTable('node_update')
    .set({ state: 'superseded', ended_ms: update.atMs })
    .where('node_name', '=', update.name)
    .where('ended_ms', 'is', null)
    .where('seq', '<', seq)
    .execute();
  const oldestKept = await trx
    .selectFrom('node_update')
    .select('seq')
    .where('node_name', '=', update.name)
    .orderBy('seq', 'desc')
    .offset(UPDATES_PER_NODE_MAX - 1)
    .limit(1)
    .executeTakeFirst();
  if (!oldestKept) return;
  await trx.deleteFrom('node_update').where('node_name', '=', update.name).where('seq', '<', oldestKept.seq).execute();
}

/** Of the node's update that has not ended. */
export async function writeOutcome(
  trx: NodeDb,
  name: string,
  outcome: { state: UpdateRowState; endedMs: number | null; error: string | null },
): Promise<void> {
  await trx
    .updateTable('node_update')
    .set({ state: outcome.state, ended_ms: outcome.endedMs, error: outcome.error })
    .where('node_name', '=', name)
    .where('ended_ms', 'is', null)
    .execute();
}

/** Newest first; all that are kept. */
export async function listUpdates(db: NodeDb, name: string) {
  const rows = await db
    .selectFrom('node_update')
    .selectAll()
    .where('node_name', '=', name)
    .orderBy('seq', 'desc')
    .execute();
  const utc = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return rows.map((row) => ({
    seq: row.seq,
    version: row.version,
    fromVersion: row.from_version,
    reason: row.reason,
    by: row.by_whom,
    startedAtUtc: utc(row.started_ms),
    state: row.state,
    endedAtUtc: utc(row.ended_ms),
    error: row.error,
  }));
}

// What is last known of a node, in the store: heartbeat, newest health message, module snapshots, last judgement.

import type { AgentHealth, NodeState } from '@wayside/protocol';
import type { NodeDb } from '../nodes/tables.ts';
import type { DaemonSnapshot } from './daemon-changes.ts';
import type { ModuleSnapshot } from './module-changes.ts';

export interface DatedReason {
  code: string;
  subject: string;
  text: string;
  sinceMs: number;
}

export interface StoredJudgement {
  state: NodeState;
  reasons: DatedReason[];
}

export interface NodeStatus {
  heartbeatAtMs: number | null;
  healthAtMs: number | null;
  health: AgentHealth | null;
  telemetrySeq: number;
  judgement: StoredJudgement | null;
  daemon: DaemonSnapshot | null;
}

const NOTHING_KNOWN: NodeStatus = {
  heartbeatAtMs: null,
  healthAtMs: null,
  health: null,
  telemetrySeq: 0,
  judgement: null,
  daemon: null,
};

export async function readStatus(db: NodeDb, nodeName: string): Promise<NodeStatus> {
  const row = await db.selectFrom('node_status').selectAll().where('node_name', '=', nodeName).executeTakeFirst();
  if (!row) return NOTHING_KNOWN;
  return {
    heartbeatAtMs: row.heartbeat_ms,
    healthAtMs: row.health_at_ms,
    health: row.health === null ? null : JSON.parse(row.health),
    telemetrySeq: row.telemetry_seq,
    judgement: row.judgement === null ? null : JSON.parse(row.judgement),
    daemon: row.daemon === null ? null : JSON.parse(row.daemon),
  };
}

/** Writes the parts given; the others stay. */
export async function writeStatus(db: NodeDb, nodeName: string, part: Partial<NodeStatus>): Promise<void> {
  const set = {
    ...('heartbeatAtMs' in part ? { heartbeat_ms: part.heartbeatAtMs ?? null } : {}),
    ...('healthAtMs' in part ? { health_at_ms: part.healthAtMs ?? null } : {}),
    ...('health' in part ? { health: part.health ? JSON.stringify(part.health) : null } : {}),
    ...('telemetrySeq' in part ? { telemetry_seq: part.telemetrySeq ?? 0 } : {}),
    ...('judgement' in part ? { judgement: part.judgement ? JSON.stringify(part.judgement) : null } : {}),
    ...('daemon' in part ? { daemon: part.daemon ? JSON.stringify(part.daemon) : null } : {}),
  };
  await db
    .insertInto('node_status')
    .values({ node_name: nodeName, telemetry_seq: 0, ...set })
    .onConflict((oc) => oc.column('node_name').doUpdateSet(set))
    .execute();
}

export async function listNodeNames(db: NodeDb): Promise<string[]> {
  return (await db.selectFrom('cache_node').select('name').execute()).map((row) => row.name);
}

/** Nodes whose heartbeat is older than `beforeMs`. */
export async function listSilentNodes(db: NodeDb, beforeMs: number): Promise<string[]> {
  const rows = await db.selectFrom('node_status').select('node_name').where('heartbeat_ms', '<', beforeMs).execute();
  return rows.map((row) => row.node_name);
}

export async function readSnapshots(db: NodeDb, nodeName: string): Promise<Map<string, ModuleSnapshot>> {
  const rows = await db.selectFrom('node_module').selectAll().where('node_name', '=', nodeName).execute();
  return new Map(
    rows.map((row) => [
      row.module,
      { health: JSON.parse(row.health), startsSeen: row.starts_seen, changedAtMs: row.changed_ms },
    ]),
  );
}

export async function writeSnapshots(
  db: NodeDb,
  nodeName: string,
  snapshots: ReadonlyMap<string, ModuleSnapshot>,
  gone: readonly string[],
): Promise<void> {
  if (gone.length > 0) {
    await db.deleteFrom('node_module').where('node_name', '=', nodeName).where('module', 'in', gone).execute();
  }
  for (const [module, snapshot] of snapshots) {
    const set = {
      health: JSON.stringify(snapshot.health),
      starts_seen: snapshot.startsSeen,
      changed_ms: snapshot.changedAtMs,
    };
    await db
      .insertInto('node_module')
      .values({ node_name: nodeName, module, ...set })
      .onConflict((oc) => oc.columns(['node_name', 'module']).doUpdateSet(set))
      .execute();
  }
}

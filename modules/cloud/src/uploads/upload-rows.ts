// Files that nodes send (support bundles, logs): their rows in the store; the bytes lie in the state folder.

import type { Selectable } from 'kysely';
import type { NodeDb } from '../nodes/tables.ts';

export interface NodeUploadTable {
  id: string;
  node_name: string;
  /** SHA-256 of the secret that the upload needs, hex. */
  token_hash: string;
  kind: 'supportBundle' | 'logs';
  state: 'waiting' | 'stored';
  created_ms: number;
  /** Until then the node may send it. */
  open_until_ms: number;
  created_by: string;
  /** '' until it came. */
  file_name: string;
  size_bytes: number;
  stored_ms: number | null;
  /** Of the agent's task; '' before it answered. */
  correlation_id: string;
}

export type UploadRow = Selectable<NodeUploadTable>;

export function listUploads(db: NodeDb, nodeName: string): Promise<UploadRow[]> {
  return db
    .selectFrom('node_upload')
    .selectAll()
    .where('node_name', '=', nodeName)
    .orderBy('created_ms', 'desc')
    .orderBy('id')
    .execute();
}

export function readUpload(db: NodeDb, id: string): Promise<UploadRow | undefined> {
  return db.selectFrom('node_upload').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function changeUpload(db: NodeDb, id: string, set: Partial<NodeUploadTable>): Promise<void> {
  await db.updateTable('node_upload').set(set).where('id', '=', id).execute();
}

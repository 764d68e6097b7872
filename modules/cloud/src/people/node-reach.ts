// Which nodes a person reaches, as one question that can be asked for many nodes: tags are read once, and only for scopes that name some.

import type { JsonObject } from '@wayside/protocol';
import type { Db } from '../store/tables.ts';
import { containsNode, isAll, needsTags, type Scope } from './scope.ts';

/** true: the node is in every one of the person's scopes. A node that is not there may be, too: names fit before they exist. */
export type Reach = (nodeName: string) => boolean;

export const REACHES_ALL: Reach = () => true;

/** `nodeName` given: the answer is right for this node only, and cheap. */
export async function readReach(db: Db, scopes: readonly Scope[], nodeName?: string): Promise<Reach> {
  if (scopes.every(isAll)) return REACHES_ALL;
  const tags = needsTags(scopes) ? await readTags(db, nodeName) : new Map<string, JsonObject>();
  return (name) => scopes.every((scope) => containsNode(scope, name, tags.get(name) ?? {}));
}

/** Tags by device. */
export async function readTags(db: Db, nodeName?: string): Promise<Map<string, JsonObject>> {
  let query = db.selectFrom('twin').select(['device_id', 'tags']).where('module_id', '=', '');
  if (nodeName !== undefined) query = query.where('device_id', '=', nodeName);
  return new Map((await query.execute()).map((row) => [row.device_id, JSON.parse(row.tags) as JsonObject]));
}

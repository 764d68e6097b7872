// The names that GET /nodes answers: what the page needs is read at once, what it does not need is not read. States are those in memory.

import type { NodeState } from '@wayside/protocol';
import { readCacheNow } from '../health/cache-now.ts';
import { readNodeIndex } from '../nodes/node-index.ts';
import { readTags } from '../people/node-reach.ts';
import { parseCondition } from '../query/parse-query.ts';
import type { Db } from '../store/tables.ts';
import { type NodePage, type NodePageQuery, pageOfNodes } from './node-page.ts';
import type { ApiParts } from './parts.ts';
import type { Call } from './route.ts';

/** Nodes without a judgement that are looked at one by one; more of them (right after a start) have the one in the store. */
const LOOKS_MAX = 50;

/** CLOUD_QUERY_INVALID. */
export async function findNodes(parts: ApiParts, call: Call): Promise<NodePage> {
  const { db, clock, nodes, watch } = parts;
  const query = call.query as unknown as NodePageQuery;
  const condition = query.where?.trim() ? parseCondition(query.where).where : undefined;
  const reached = (await readNodeIndex(db)).filter(({ name }) => call.reach(name));
  const judged = watch.judgements();
  const isNeeded = condition || query.counts || query.state !== undefined || query.order.endsWith('state');
  const unjudged = isNeeded ? reached.filter(({ name }) => !judged.has(name)).length : 0;
  const stored = unjudged > LOOKS_MAX ? await readStoredStates(parts) : new Map<string, NodeState>();
  return pageOfNodes(reached, query, condition, {
    stateOf: async (name) => {
      const known = judged.get(name)?.state ?? stored.get(name);
      if (known) return known;
      const node = await nodes.find(name);
      return node ? (await watch.judgementOf(node)).state : 'Disabled';
    },
    reasonsOf: (name) => (judged.get(name)?.reasons ?? []).map(({ code }) => code),
    now: () => readCacheNow(db, undefined, clock.nowMs()),
    tags: () => readTags(db as unknown as Db),
  });
}

async function readStoredStates({ db }: ApiParts): Promise<Map<string, NodeState>> {
  const rows = await db.selectFrom('node_status').select(['node_name', 'judgement']).execute();
  return new Map(
    rows.flatMap(({ node_name, judgement }) =>
      judgement === null ? [] : [[node_name, (JSON.parse(judgement) as { state: NodeState }).state] as const],
    ),
  );
}

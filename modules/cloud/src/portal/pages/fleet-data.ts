// What the fleet page and the overview load: cache nodes with their states, filtered.

import type { NodeState } from '@wayside/protocol';
import type { NodeAnswer } from '../../nodes/node-record.ts';
import { STATES } from '../node-words.ts';
import type { Visit } from '../visit.ts';

export interface FleetFilter {
  /** Part of the name, or of the address. */
  q: string;
  /** '' = all. */
  state: NodeState | '';
}

export interface Fleet {
  nodes: NodeAnswer[];
  /** Of all that fit the text, whatever their state. */
  counts: StateCounts;
}

export type StateCounts = { [state in NodeState]: number };

export async function loadFleet(visit: Visit, filter: FleetFilter): Promise<Fleet> {
  const { nodes } = await visit.api.get<{ nodes: NodeAnswer[] }>('/nodes');
  const text = filter.q.toLowerCase();
  const fitting = text === '' ? nodes : nodes.filter((node) => haystack(node).includes(text));
  const counts = countStates(fitting);
  return { nodes: filter.state === '' ? fitting : fitting.filter(({ state }) => state === filter.state), counts };
}

export function countStates(nodes: readonly Pick<NodeAnswer, 'state'>[]): StateCounts {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as StateCounts;
  for (const { state } of nodes) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function haystack(node: NodeAnswer): string {
  return `${node.name}\n${node.ipAddress ?? ''}\n${node.cidrs.join('\n')}\n${node.cacheNodeId}`.toLowerCase();
}

export interface Troubles {
  /** The worst first. */
  nodes: NodeAnswer[];
  hasMore: boolean;
  isFleetEmpty: boolean;
}

/** Worst first; a node that is switched off is no trouble. */
const TROUBLE_STATES: readonly NodeState[] = ['Unhealthy', 'NeverPhonedHome', 'NotConfigured', 'NotProvisioned'];

/** The nodes that need somebody, at most `countMax`: however large the fleet, few rows are read. */
export async function loadTroubles(visit: Visit, countMax: number): Promise<Troubles> {
  const page = (query: string) => visit.api.get<{ nodes: NodeAnswer[] }>(`/nodes?${query}`);
  const [first, ...lists] = await Promise.all([
    page('limit=1'),
    ...TROUBLE_STATES.map((state) => page(`state=${state}&limit=${countMax + 1}`)),
  ]);
  const found = lists.flatMap(({ nodes }) => nodes);
  return {
    nodes: found.slice(0, countMax),
    hasMore: found.length > countMax,
    isFleetEmpty: first.nodes.length === 0,
  };
}

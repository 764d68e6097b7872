// Which cache nodes one answer of GET /nodes holds: filtered by text and state, in order of their names, a page at a time. Pure.

import type { NodeState } from '@wayside/protocol';

/** As many as there may be nodes: who asks for no page gets them all. */
export const NODES_PER_PAGE_MAX = 5_000;
const TEXT_CHARACTERS_MAX = 100;

export const NODE_PAGE_QUERY = {
  after: { type: 'string', maxLength: 90 },
  limit: { type: 'integer', minimum: 1, maximum: NODES_PER_PAGE_MAX, default: NODES_PER_PAGE_MAX },
  q: { type: 'string', maxLength: TEXT_CHARACTERS_MAX },
  state: {
    type: 'string',
    enum: ['NotConfigured', 'NotProvisioned', 'NeverPhonedHome', 'Healthy', 'Unhealthy', 'Disabled'],
  },
} as const;

export interface NodePageQuery {
  /** Name of the last node of the page before. */
  after?: string;
  limit: number;
  /** Part of the name or the address, in any case. */
  q?: string;
  state?: NodeState;
}

export interface NodePage<N> {
  nodes: N[];
  /** `after` of the next page; null = this was the last. */
  next: string | null;
}

/** The states of those that pass the other filters are asked for, no others. */
export async function pageOfNodes<N extends { name: string; ipAddress: string | null }>(
  nodes: readonly N[],
  query: NodePageQuery,
  stateOf: (node: N) => Promise<NodeState>,
): Promise<NodePage<N>> {
  const text = query.q?.toLowerCase() ?? '';
  const page: N[] = [];
  // The order of a database is that of its language; `after` needs one order everywhere.
  for (const node of nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (query.after !== undefined && node.name <= query.after) continue;
    if (text !== '' && !`${node.name}\n${node.ipAddress ?? ''}`.toLowerCase().includes(text)) continue;
    if (query.state !== undefined && (await stateOf(node)) !== query.state) continue;
    if (page.length === query.limit) return { nodes: page, next: page.at(-1)?.name ?? null };
    page.push(node);
  }
  return { nodes: page, next: null };
}

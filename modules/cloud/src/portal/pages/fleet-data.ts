// What the fleet page and the overview load: a page of cache nodes with their states, found and put in order by the API.

import type { NodeState } from '@wayside/protocol';
import type { StateCounts } from '../../api/node-page.ts';
import type { NodeAnswer } from '../../nodes/node-record.ts';
import { ApiFailure } from '../api-client.ts';
import { withQuery } from '../html.ts';
import type { Visit } from '../visit.ts';

export interface FleetFilter {
  /** Part of name, address, id or prefix. */
  q: string;
  /** '' = all. */
  state: NodeState | '';
  /** Condition of the query language; '' = none. */
  where: string;
  /** As GET /nodes names it. */
  order: string;
}

export interface Fleet {
  /** Those of the page. */
  nodes: NodeAnswer[];
  /** Of all that fit text and condition, whatever their state. */
  counts: StateCounts;
  /** Of all that fit the state as well. */
  total: number;
  /** From 1; the last one there is when a later one was asked for. */
  page: number;
  pageCount: number;
  /** What is wrong with the condition; then the rest is empty. */
  problem: string;
}

const NO_COUNTS: StateCounts = {
  ...{ Healthy: 0, Unhealthy: 0, NeverPhonedHome: 0, NotProvisioned: 0, NotConfigured: 0, Disabled: 0 },
};

/** `rowsMax`: nodes of a page. */
export async function loadFleet(visit: Visit, filter: FleetFilter, page: number, rowsMax: number): Promise<Fleet> {
  const { q, state, where, order } = filter;
  const read = (offset: number) =>
    visit.api.get<{ nodes: NodeAnswer[]; counts: StateCounts }>(
      withQuery('/nodes', {
        q,
        state,
        where,
        order,
        counts: 'true',
        limit: rowsMax,
        offset: offset === 0 ? '' : offset,
      }),
    );
  try {
    const first = await read((page - 1) * rowsMax);
    const { counts } = first;
    const total = state === '' ? sumOf(counts) : counts[state];
    const pageCount = Math.max(1, Math.ceil(total / rowsMax));
    if (page <= pageCount) return { ...first, total, page, pageCount, problem: '' };
    const last = await read((pageCount - 1) * rowsMax);
    return { ...last, total, page: pageCount, pageCount, problem: '' };
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== 'CLOUD_QUERY_INVALID') throw error;
    return { nodes: [], counts: NO_COUNTS, total: 0, page: 1, pageCount: 1, problem: error.message };
  }
}

export function sumOf(counts: StateCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
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

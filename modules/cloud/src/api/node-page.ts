// Which cache nodes one answer of GET /nodes holds: filtered by text, state and condition, put in order, a page at a time. Pure.

import type { JsonObject, NodeState } from '@wayside/protocol';
import { bitsOf, parseIpAddress } from '../addresses/ip-address.ts';
import { checkIpPrefix, comparePrefixes, containsPrefix, hostPrefix, type IpPrefix } from '../addresses/ip-prefix.ts';
import type { CacheNow } from '../health/cache-now.ts';
import type { NodeEntry } from '../nodes/node-index.ts';
import { holds } from '../query/evaluate-query.ts';
import type { Condition } from '../query/query-tree.ts';

/** As many as there may be nodes: who asks for no page gets them all. */
export const NODES_PER_PAGE_MAX = 5_000;
const TEXT_CHARACTERS_MAX = 100;
const CONDITION_CHARACTERS_MAX = 2_000;

/** In this order they stand in a list by state. */
export const STATE_ORDER: readonly NodeState[] = [
  ...(['Healthy', 'Unhealthy', 'NeverPhonedHome', 'NotProvisioned', 'NotConfigured', 'Disabled'] as const),
];

const ORDERS = ['name', 'state', 'address', 'egress', 'maxEgress'] as const;
type Order = (typeof ORDERS)[number];

export const NODE_PAGE_QUERY = {
  after: { type: 'string', maxLength: 90, description: 'Name of the last node of the page before; order=name alone.' },
  offset: { type: 'integer', minimum: 0, maximum: NODES_PER_PAGE_MAX, default: 0, description: 'Nodes to pass over.' },
  limit: { type: 'integer', minimum: 1, maximum: NODES_PER_PAGE_MAX, default: NODES_PER_PAGE_MAX },
  q: {
    type: 'string',
    maxLength: TEXT_CHARACTERS_MAX,
    description: 'Part of name, address, id or prefix; an address is also found in the prefixes that hold it.',
  },
  state: { type: 'string', enum: STATE_ORDER },
  where: {
    type: 'string',
    maxLength: CONDITION_CHARACTERS_MAX,
    description:
      'Condition of the query language over name, state, reasons, ipAddress, maxEgressMbps, egressMbps, hitRatio, isEnabled, isDraining, prefixSource, asn, customerId, provisionedHost and tags.',
  },
  order: { type: 'string', enum: ORDERS.flatMap((order) => [order, `-${order}`]), default: 'name' },
  counts: { type: 'boolean', default: false, description: 'How many there are by state, whatever `state` says.' },
} as const;

export interface NodePageQuery {
  after?: string;
  offset: number;
  limit: number;
  q?: string;
  state?: NodeState;
  where?: string;
  order: Order | `-${Order}`;
  counts: boolean;
}

export type StateCounts = { [state in NodeState]: number };

export interface NodePage {
  names: string[];
  /** `after` of the next page in the order of names; null = this was the last, or the order is another. */
  next: string | null;
  counts?: StateCounts;
}

/** What is asked for only where the query needs it. */
export interface NodeKnowledge {
  stateOf(name: string): Promise<NodeState>;
  reasonsOf(name: string): readonly string[];
  now(): Promise<ReadonlyMap<string, CacheNow>>;
  tags(): Promise<ReadonlyMap<string, JsonObject>>;
}

export async function pageOfNodes(
  entries: readonly NodeEntry[],
  query: NodePageQuery,
  condition: Condition | undefined,
  know: NodeKnowledge,
): Promise<NodePage> {
  let found = entries.filter(textFilter(query.q ?? ''));
  const order = query.order.replace(/^-/, '') as Order;
  const now = condition || order === 'egress' ? await know.now() : new Map<string, CacheNow>();
  const states = new Map<string, NodeState>();
  if (query.state !== undefined || query.counts || condition || order === 'state') {
    for (const { name } of found) states.set(name, await know.stateOf(name));
  }
  if (condition) {
    const tags = await know.tags();
    found = found.filter((entry) => {
      const { name } = entry;
      const facts = { ...entry, state: states.get(name) ?? null, reasons: [...know.reasonsOf(name)] };
      const { cidrs: _text, ...document } = { ...facts, egressMbps: null, hitRatio: null, ...now.get(name) };
      return holds(condition, { ...document, deviceId: name, tags: tags.get(name) ?? {} });
    });
  }
  const counts = query.counts ? countStates(found, states) : undefined;
  if (query.state !== undefined) found = found.filter(({ name }) => states.get(name) === query.state);
  const rank = rankBy(order, states, now);
  const sign = query.order.startsWith('-') ? -1 : 1;
  // The order of a database is that of its language; `after` needs one order everywhere.
  found.sort((a, b) => sign * (rank(a, b) || byText(a.name, b.name)));
  if (query.after !== undefined) found = found.filter(({ name }) => sign * byText(name, query.after!) > 0);
  const end = query.offset + query.limit;
  const names = found.slice(query.offset, end).map(({ name }) => name);
  const hasMore = order === 'name' && end < found.length;
  return { names, next: hasMore ? (names.at(-1) ?? null) : null, ...(counts ? { counts } : {}) };
}

function textFilter(q: string): (entry: NodeEntry) => boolean {
  const text = q.trim().toLowerCase();
  if (text === '') return () => true;
  const wanted = prefixOf(text);
  return ({ name, ipAddress, cacheNodeId, cidrs }) => {
    if (`${name}\n${ipAddress ?? ''}\n${cacheNodeId}\n${cidrs.replaceAll('"', '')}`.toLowerCase().includes(text))
      return true;
    return wanted !== undefined && holdsPrefix(JSON.parse(cidrs), wanted);
  };
}

/** A whole address or block; undefined: text like any other. */
function prefixOf(text: string): IpPrefix | undefined {
  const check = checkIpPrefix(text);
  if (check.ok) return check.prefix;
  const address = parseIpAddress(text);
  return address && hostPrefix(address);
}

function holdsPrefix(cidrs: readonly string[], wanted: IpPrefix): boolean {
  return cidrs.some((cidr) => {
    const check = checkIpPrefix(cidr);
    return check.ok && containsPrefix(check.prefix, wanted);
  });
}

function countStates(entries: readonly NodeEntry[], states: ReadonlyMap<string, NodeState>): StateCounts {
  const counts = Object.fromEntries(STATE_ORDER.map((state) => [state, 0])) as StateCounts;
  for (const { name } of entries) {
    const state = states.get(name);
    if (state) counts[state] += 1;
  }
  return counts;
}

type Comparison = (a: NodeEntry, b: NodeEntry) => number;

function rankBy(order: Order, states: ReadonlyMap<string, NodeState>, now: ReadonlyMap<string, CacheNow>): Comparison {
  const by =
    (value: (entry: NodeEntry) => number): Comparison =>
    (a, b) =>
      value(a) - value(b);
  switch (order) {
    case 'name':
      return () => 0;
    case 'state':
      return by(({ name }) => STATE_ORDER.indexOf(states.get(name) ?? 'Disabled'));
    case 'egress':
      return by(({ name }) => now.get(name)?.egressMbps ?? -1);
    case 'maxEgress':
      return by(({ maxEgressMbps }) => maxEgressMbps);
    case 'address': {
      const read = new Map<string | null, IpPrefix>();
      const addressOf = ({ ipAddress }: NodeEntry): IpPrefix => {
        const known = read.get(ipAddress) ?? (ipAddress === null ? undefined : prefixOf(ipAddress)) ?? NO_ADDRESS;
        read.set(ipAddress, known);
        return known;
      };
      return (a, b) => comparePrefixes(addressOf(a), addressOf(b));
    }
  }
}

/** Behind all others. */
const NO_ADDRESS: IpPrefix = { family: 6, words: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], length: bitsOf(6) };

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

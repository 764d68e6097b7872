// Tables of accounts and routing, as kysely sees them. Times are integer milliseconds since 1970, booleans 0/1, JSON is text.

export interface AccountTable {
  /** GUID, CUSTOMER_ID of its nodes. */
  customer_id: string;
  name: string;
  /** JSON AccountSettings; what an older version did not write has its default. */
  settings: string;
  created_ms: number;
}

export type PrefixSource = 'manual' | 'bgp';
export type PrefixState = 'approved' | 'pending' | 'rejected';

/** A prefix that a node claims: typed in, or learned by its BGP module. */
export interface NodePrefixTable {
  node_name: string;
  source: PrefixSource;
  /** Canonical text with /n. */
  prefix: string;
  /** Since when it is claimed: of two accounts the earlier one has it. */
  since_ms: number;
  state: PrefixState;
  /** ReviewCode; '' when approved without a word. */
  code: string;
  /** Why, for the operator; '' when there is nothing to say. */
  feedback: string;
  /** AS that originates it; null = manual, or not told. */
  origin_asn: number | null;
}

/** What an administrator decided about a prefix of a node, or with prefix '*' about the size of its whole space. */
export interface PrefixDecisionTable {
  node_name: string;
  prefix: string;
  decision: 'approved' | 'rejected';
  text: string;
  decided_by: string;
  at_ms: number;
  /** With '*': addresses the space held then; a space that grows beyond them is looked at again. */
  ipv4_addresses: number;
  ipv6_addresses: number;
}

/** A route of a node's BGP module. Rows of another epoch than the stream's are parts of a snapshot that is not whole yet. */
export interface BgpRouteTable {
  node_name: string;
  epoch: string;
  session: string;
  prefix: string;
  as_path: string;
  origin_asn: number | null;
  med: number | null;
}

/** How far the stream of routes of a node was taken over. */
export interface BgpStreamTable {
  node_name: string;
  /** Epoch in force; '' before the first snapshot was whole. */
  epoch: string;
  seq: number;
  routes: number;
  hash: string;
  /** Epoch of a snapshot that is not whole yet; ''. */
  next_epoch: string;
  next_seq: number;
  next_routes: number;
  next_hash: string;
  /** seq of the newest telemetry message that was taken over. */
  telemetry_seq: number;
  /** Newest BgpState, JSON. */
  state: string | null;
  updated_ms: number;
}

export interface RoutingTables {
  account: AccountTable;
  node_prefix: NodePrefixTable;
  prefix_decision: PrefixDecisionTable;
  bgp_route: BgpRouteTable;
  bgp_stream: BgpStreamTable;
}

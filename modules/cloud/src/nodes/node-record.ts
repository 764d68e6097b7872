// A cache node as the operator wrote it down, and as the API answers it.

import type { NodeState } from '@wayside/protocol';

export interface Drive {
  /** Absolute folder on the server. */
  path: string;
  sizeGb: number;
}

/** What the operator sets (connected-cache.md 1.4). */
export interface NodeFields {
  /** Device id of the node; cannot be changed. */
  name: string;
  /** Address clients reach the node at; null = not configured yet. */
  ipAddress: string | null;
  /** Host port of the content. */
  httpPort: number;
  /** Host port of the summary and metrics, bound to 127.0.0.1 only. */
  summaryPort: number;
  maxEgressMbps: number;
  /** In the order of the caches: drives[0] is /nginx/cache1/. */
  drives: Drive[];
  /** false: no clients are routed here; the container keeps running. */
  isEnabled: boolean;
  prefixSource: 'manual' | 'bgp';
  /** Blocks a.b.c.d/n with clear host bits, of IPv6 where the account allows it. */
  cidrs: string[];
  /** AS of the clients behind it; null = that of the account. */
  asn: number | null;
  /** true: it gets no new clients and refuses the old ones (503), so that it can be worked on. */
  isDraining: boolean;
}

export interface NodeRecord extends NodeFields {
  /** GUID. */
  cacheNodeId: string;
  /** GUID of the account; CUSTOMER_ID. Cannot be changed. */
  customerId: string;
  /** GUID; authenticates the node together with a registration key, and the cache to its services. Never logged. */
  customerKey: string;
  createdAtMs: number;
  updatedAtMs: number;
  /** null until a registration key was used. */
  provisionedAtMs: number | null;
  provisionedHost: string | null;
}

export interface Reason {
  code: string;
  text: string;
  sinceUtc: string | null;
}

/** Answer of the node routes. */
export interface NodeAnswer extends NodeFields {
  cacheNodeId: string;
  customerId: string;
  state: NodeState;
  stateText: string;
  reasons: Reason[];
  createdAtUtc: string;
  provisionedAtUtc: string | null;
  /** What was changed in what the operator sent; only in the answer to it. */
  warnings?: { path: string; message: string }[];
}

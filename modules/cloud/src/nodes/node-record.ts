// A cache node as the operator wrote it down, and as the API answers it.

import type { NodeState } from '@wayside/protocol';
import type { UpdateState } from '../updates/decide-update.ts';
import type { UpdateRing } from '../updates/update-ring.ts';
import type { NodeUpdate } from '../updates/update-status.ts';
import type { NodeColumns } from './node-columns.ts';

export interface Drive {
  /** Absolute folder on the server. */
  path: string;
  sizeGb: number;
}

/** A router that announces the prefixes of the clients (docs/contracts.md 9). */
export interface BgpNeighbor {
  /** Key of the session in the module twin. */
  id: string;
  neighborAddress: string;
  neighborAsn: number;
  /** Address of this server towards it; null = whatever the kernel takes. */
  localAddress: string | null;
  /** Routers between the two; false = none. */
  multihop: number | false;
  /** RFC 5082. */
  ttlSecurity: boolean;
  holdTimeSecs: number;
  maxPrefixes: number;
  isEnabled: boolean;
  /** Is there a TCP MD5 password? It itself is never answered. */
  hasPassword: boolean;
}

export interface BgpFields {
  /** AS of this node; null = that of its neighbours (iBGP). */
  localAsn: number | null;
  /** null = the server IP address. */
  routerId: string | null;
  /** How long the prefixes of a lost session stay. */
  holdSecs: number;
  /** `host`: the module is in the network of the server, which passwords need. `bridge`: port 179 is published. */
  network: 'host' | 'bridge';
  sessions: BgpNeighbor[];
}

/** TCP MD5 passwords by id of the session. Secrets. */
export type BgpPasswords = { [sessionId: string]: string };

/** What the operator sets and is never answered. */
export interface NodeSecrets {
  bgpPasswords: BgpPasswords;
}

/** What the operator sets (connected-cache.md 1.4, 1.6). */
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
  /** In force while prefixSource is bgp. */
  bgp: BgpFields;
  /** `host:port` through which the node reaches origins and the cloud; null = directly. */
  proxy: string | null;
  /** File on the server with the CA (PEM) of a proxy that looks into TLS; null = none. */
  proxyCertificatePath: string | null;
  /** When it takes new versions of its modules; null = as the account says. */
  updateRing: UpdateRing | null;
}

export interface NodeRecord extends NodeFields, NodeSecrets {
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
  /** When it came here in a migration package; null = it was made here. */
  importedAtMs: number | null;
  /** Tag of the images in its manifest; null = that of the cloud. */
  moduleVersion: string | null;
  updateState: UpdateState;
}

export interface Reason {
  code: string;
  text: string;
  sinceUtc: string | null;
}

/** Answer of the node routes. */
export interface NodeAnswer extends NodeFields, NodeColumns {
  cacheNodeId: string;
  customerId: string;
  state: NodeState;
  stateText: string;
  reasons: Reason[];
  /** IPv4 addresses of the prefixes of the source in force. */
  ipSpace: number;
  createdAtUtc: string;
  provisionedAtUtc: string | null;
  provisionedHost: string | null;
  update: NodeUpdate;
  /** What was changed in what the operator sent; only in the answer to it. */
  warnings?: { path: string; message: string }[];
}

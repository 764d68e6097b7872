// Tables of the cache-node face, as kysely sees them. Times are integer milliseconds since 1970, booleans 0/1, JSON is text.

import type { Generated, Kysely } from 'kysely';
import type { PeopleTables } from '../people/tables.ts';
import type { RoutingTables } from '../routing/tables.ts';
import type { Database } from '../store/tables.ts';
import type { NodeUpdateTable } from '../updates/update-rows.ts';
import type { NodeUploadTable } from '../uploads/upload-rows.ts';

export interface CloudSettingTable {
  name: string;
  value: string;
}

export interface CacheNodeTable {
  /** Also the device id. */
  name: string;
  /** Lower case: names differ by more than case. */
  name_key: string;
  cache_node_id: string;
  customer_key: string;
  ip_address: string | null;
  http_port: number;
  summary_port: number;
  max_egress_mbps: number;
  /** JSON [{path,sizeGb}]. */
  drives: string;
  is_enabled: 0 | 1;
  prefix_source: 'manual' | 'bgp';
  /** JSON [string]. */
  cidrs: string;
  customer_id: string;
  asn: number | null;
  is_draining: 0 | 1;
  created_ms: number;
  updated_ms: number;
  provisioned_ms: number | null;
  provisioned_host: string | null;
  provisioned_version: string | null;
  /** JSON BgpFields; null = as they are at first. */
  bgp: string | null;
  /** JSON BgpPasswords, secret. */
  bgp_passwords: string;
  proxy: string | null;
  proxy_certificate_path: string | null;
  imported_ms: number | null;
  manifest_hash: string | null;
  /** JSON UpdateRing; null = that of the account. */
  update_ring: string | null;
  module_version: string | null;
  /** JSON UpdateState. */
  update_state: string;
}

export interface RegistrationKeyTable {
  /** SHA-256 of the key, hex. */
  key_hash: string;
  node_name: string;
  created_ms: number;
  expires_ms: number;
  used_ms: number | null;
  /** SHA-256 of the nonce that used the key, hex. */
  nonce_hash: string | null;
}

export interface NodeEventTable {
  seq: Generated<number>;
  node_name: string;
  at_ms: number;
  kind: string;
  subject: string;
  text: string;
  /** JSON object. */
  details: string;
}

/** What was last known of a node, so that a restart of the cloud does not forget since when. */
export interface NodeStatusTable {
  node_name: string;
  /** Arrival of the newest health message. */
  heartbeat_ms: number | null;
  /** `atUtc` of the newest health message that was taken over. */
  health_at_ms: number | null;
  /** Newest AgentHealth, JSON. */
  health: string | null;
  /** seq of the newest telemetry message that was taken over. */
  telemetry_seq: number;
  /** Last judgement, JSON {state, reasons}. */
  judgement: string | null;
  /** What is known of its daemon, JSON DaemonSnapshot. */
  daemon: string | null;
}

export interface NodeModuleTable {
  node_name: string;
  module: string;
  /** Newest ModuleHealth, JSON. */
  health: string;
  starts_seen: number;
  changed_ms: number;
}

/** Cache figures of one module in one minute. */
export interface CacheMinuteTable {
  node_name: string;
  module: string;
  minute_ms: number;
  requests: number;
  hits: number;
  misses: number;
  errors5xx: number;
  hit_bytes: number;
  miss_bytes: number;
  egress_bytes: number;
  ingress_bytes: number;
}

/** Cache figures of all nodes in one minute. */
export interface FleetMinuteTable {
  minute_ms: number;
  requests: number;
  hits: number;
  misses: number;
  errors5xx: number;
  hit_bytes: number;
  miss_bytes: number;
  egress_bytes: number;
  ingress_bytes: number;
}

export interface CacheLastTable {
  node_name: string;
  module: string;
  /** toUtc of the newest report that was added: a repeated delivery adds nothing. */
  to_ms: number;
  /** Newest CacheReport, JSON. */
  report: string;
}

/** Traffic of one node in one step: all of it (label ''), of one origin, of one content class. */
export interface TrafficSliceTable {
  node_name: string;
  step: 'minute' | 'hour' | 'day';
  kind: 'total' | 'origin' | 'contentClass';
  start_ms: number;
  label: string;
  hits: number;
  misses: number;
  hit_bytes: number;
  miss_bytes: number;
}

export interface NodeTables extends RoutingTables, PeopleTables {
  cloud_setting: CloudSettingTable;
  cache_node: CacheNodeTable;
  registration_key: RegistrationKeyTable;
  node_event: NodeEventTable;
  node_status: NodeStatusTable;
  node_module: NodeModuleTable;
  cache_minute: CacheMinuteTable;
  cache_last: CacheLastTable;
  fleet_minute: FleetMinuteTable;
  node_update: NodeUpdateTable;
  node_upload: NodeUploadTable;
  traffic_slice: TrafficSliceTable;
}

/** For `db.withTables<..>()`, which takes no interface. */
export type NodeTableMap = Pick<NodeTables, keyof NodeTables>;

/** The store with the tables of both faces, or a transaction on it. */
export type NodeDb = Kysely<Database & NodeTables>;

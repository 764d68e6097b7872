// Tables of the IoT Hub face, as kysely sees them. Times are integer milliseconds since 1970, booleans 0/1, JSON is text.
// The cache-node face adds its own with `platform.db.withTables<NodeTables>()`.

import type { Generated, Kysely } from 'kysely';
import type { DeploymentTables } from '../deployments/tables.ts';
import type { ReplicaTables } from '../replicas/tables.ts';

/** A device (module_id '') or one of its modules. */
export interface IdentityTable {
  device_id: string;
  module_id: string;
  generation_id: string;
  etag: string;
  status: 'enabled' | 'disabled';
  status_reason: string | null;
  status_updated_ms: number | null;
  auth_type: 'sas' | 'selfSigned' | 'certificateAuthority' | 'none';
  primary_key: string | null;
  secondary_key: string | null;
  primary_thumbprint: string | null;
  secondary_thumbprint: string | null;
  iot_edge: 0 | 1;
  device_scope: string | null;
  /** JSON array of strings. */
  parent_scopes: string;
  managed_by: string | null;
  connected: 0 | 1;
  connection_updated_ms: number | null;
  last_activity_ms: number | null;
  created_ms: number;
}

export interface TwinTable {
  device_id: string;
  module_id: string;
  tags: string;
  desired: string;
  desired_meta: string;
  desired_version: number;
  reported: string;
  reported_meta: string;
  reported_version: number;
  /** Rises with every change of the twin. */
  version: number;
  /** Changes with tags and desired properties only, so a reporting device does not defeat a back end's If-Match. */
  etag: string;
  model_id: string | null;
  /** JSON {configuration id: {status}}. */
  configurations: string;
}

/** MQTT session of an identity that connected with clean session 0. */
export interface SessionTable {
  device_id: string;
  module_id: string;
  /** sessionToBits() of @wayside/gateway. */
  bits: number;
  updated_ms: number;
}

export interface TelemetryTable {
  seq: Generated<number>;
  device_id: string;
  module_id: string;
  enqueued_ms: number;
  message_type: string;
  system: string;
  app: string;
  body: Uint8Array;
}

/** Newest message per identity and messageType property ('' when it has none). */
export interface LastMessageTable {
  device_id: string;
  module_id: string;
  message_type: string;
  seq: number;
  enqueued_ms: number;
  system: string;
  app: string;
  body: Uint8Array;
}

export interface PolicyTable {
  name: string;
  primary_key: string;
  secondary_key: string;
}

export interface Database extends DeploymentTables, ReplicaTables {
  identity: IdentityTable;
  twin: TwinTable;
  session: SessionTable;
  telemetry: TelemetryTable;
  last_message: LastMessageTable;
  policy: PolicyTable;
}

/** The store, or a transaction on it: functions that write take this, so that a caller can join them into one commit. */
export type Db = Kysely<Database>;

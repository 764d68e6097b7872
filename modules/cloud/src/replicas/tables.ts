// Tables of the replicas, as kysely sees them. Times are integer milliseconds since 1970, JSON is text.

import type { Generated } from 'kysely';

/** A replica that is up; its number is never used again. */
export interface ReplicaTable {
  number: Generated<number>;
  host: string;
  started_ms: number;
}

/** The newest connection of an identity: what another one with a lower epoch still writes is refused. */
export interface ConnectionTable {
  device_id: string;
  module_id: string;
  replica: number;
  epoch: number;
}

/** Desired patches of the last minutes, for the replica that holds the connection. */
export interface DesiredPatchTable {
  device_id: string;
  module_id: string;
  version: number;
  /** JSON object, nulls kept. */
  patch: string;
  at_ms: number;
}

/** A call from one replica to another; the caller removes it when it has the answer. */
export interface ReplicaCallTable {
  id: string;
  to_replica: number;
  kind: string;
  request: string;
  /** JSON; null while it runs. */
  answer: string | null;
  at_ms: number;
}

/** What the probing replica knows of a node's data port. */
export interface NodeProbeTable {
  node_name: string;
  /** JSON ProbeState. */
  state: string;
}

export interface ReplicaTables {
  replica: ReplicaTable;
  connection: ConnectionTable;
  desired_patch: DesiredPatchTable;
  replica_call: ReplicaCallTable;
  node_probe: NodeProbeTable;
}

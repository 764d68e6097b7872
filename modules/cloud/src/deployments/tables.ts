// Tables of deployments, as kysely sees them. Times are integer milliseconds since 1970, booleans 0/1, JSON is text.

import type { Generated } from 'kysely';

export interface ConfigurationTable {
  id: string;
  /** New with every change, never used twice. */
  etag: string;
  schema_version: string;
  /** JSON object of texts. */
  labels: string | null;
  kind: 'modulesContent' | 'deviceContent' | 'moduleContent';
  /** JSON: what stands under the kind. Never changes. */
  content: string;
  target_condition: string;
  priority: number;
  /** JSON: name to query text. */
  metric_queries: string;
  /** JSON: name to number, of the last sweep. */
  metric_results: string;
  created_ms: number;
  created_by: string;
  updated_ms: number;
  updated_by: string;
}

/** A configuration whose condition holds for a twin; module_id '' = the device. Counting these rows makes the system metrics. */
export interface ConfigurationTargetTable {
  configuration_id: string;
  device_id: string;
  module_id: string;
  status: 'Targeted' | 'Applied';
  /** What $edgeAgent reported of the version that holds this configuration; '' = nothing yet, or no edge deployment. */
  outcome: '' | 'successful' | 'failed';
}

/** What configurations wrote into a twin, so that it can be taken away again. */
export interface ConfiguredTwinTable {
  device_id: string;
  module_id: string;
  /** The whole desired section is a deployment's. */
  has_section: 0 | 1;
  /** JSON [[key, ..], ..]: single properties set by device and module configurations. */
  paths: string;
}

export type DeploymentOrigin = 'configuration' | 'fields' | 'device' | 'restore';

/** What is in effect on a device, and its last deployment of its own. */
export interface DeviceDeploymentTable {
  device_id: string;
  origin: DeploymentOrigin;
  base_id: string | null;
  /** JSON [configuration id], ascending priority. */
  layers: string;
  content_hash: string | null;
  /** Why what the configurations ask for cannot be applied; null = it is. */
  problem: string | null;
  changed_ms: number;
  /** modulesContent of the last deployment made to this device alone; JSON. */
  own_content: string | null;
  /** 1: that content was made from the fields of a cache node. */
  follows_fields: 0 | 1;
}

export interface DeploymentHistoryTable {
  seq: Generated<number>;
  device_id: string;
  at_ms: number;
  by_whom: string;
  origin: DeploymentOrigin;
  base_id: string | null;
  layers: string;
  /** $version of $edgeAgent's desired properties. */
  desired_version: number;
  /** JSON modulesContent, the effective one. */
  content: string;
}

/** A device to evaluate. `ticket` rises when it becomes due again, so that a change during an evaluation is not lost. */
export interface EvaluationDueTable {
  device_id: string;
  ticket: number;
  due_ms: number;
  by_whom: string;
  /** A replica works on it until then; 0 = nobody. */
  claimed_until_ms: number;
}

/** The way round all devices, one row named 'fleet': it ends where it began, however often it is asked for under way. */
export interface EvaluationSweepTable {
  name: string;
  is_active: 0 | 1;
  /** The last device id that was made due; '' = none in this round. */
  done_to: string;
  /** Where the round ends after it began anew at the first device. */
  ends_after: string;
  has_wrapped: 0 | 1;
  by_whom: string;
  started_ms: number;
  /** 1: the round is over and the custom metrics are to be asked. */
  wants_metrics: 0 | 1;
}

export interface DeploymentTables {
  configuration: ConfigurationTable;
  configuration_target: ConfigurationTargetTable;
  configured_twin: ConfiguredTwinTable;
  device_deployment: DeviceDeploymentTable;
  deployment_history: DeploymentHistoryTable;
  evaluation_due: EvaluationDueTable;
  evaluation_sweep: EvaluationSweepTable;
}

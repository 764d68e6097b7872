// The seam between the IoT Hub face and the cache-node face: devices, twins, deployments, methods and telemetry as plain
// async calls. Every refusal is an EdgeError with a code of errors.ts.

import type { Json, JsonObject, ModulesContent } from '@wayside/protocol';
import type { Db } from './store/tables.ts';

/** A device as the registry holds it. Keys are base64 of 32 bytes; times are milliseconds, null = never. */
export interface DeviceIdentity {
  deviceId: string;
  generationId: string;
  etag: string;
  status: 'enabled' | 'disabled';
  statusReason: string | null;
  statusUpdatedAtMs: number | null;
  authType: 'sas' | 'selfSigned' | 'certificateAuthority' | 'none';
  primaryKey: string | null;
  secondaryKey: string | null;
  primaryThumbprint: string | null;
  secondaryThumbprint: string | null;
  iotEdge: boolean;
  deviceScope: string | null;
  parentScopes: string[];
  connected: boolean;
  connectionUpdatedAtMs: number | null;
  lastActivityAtMs: number | null;
}

/** A module of a device; `managedBy` 'iotEdge' when a deployment or the edge runtime made it. */
export interface ModuleIdentity extends DeviceIdentity {
  moduleId: string;
  managedBy: string | null;
}

/** Twin as the service sees it, without the identity's own fields. Sections carry no `$` keys; metadata apart. */
export interface Twin {
  deviceId: string;
  moduleId?: string;
  etag: string;
  /** Rises with any change. */
  version: number;
  modelId: string | null;
  tags: JsonObject;
  desired: JsonObject;
  desiredVersion: number;
  desiredMetadata: JsonObject;
  reported: JsonObject;
  reportedVersion: number;
  reportedMetadata: JsonObject;
  /** `{<configuration id>: {status: 'Targeted' | 'Applied'}}`, of device, $edgeAgent and modules (cloud.md 2.6). */
  configurations: JsonObject;
}

export interface TelemetryMessage {
  /** Rises over the whole hub, never reused. */
  seq: number;
  deviceId: string;
  moduleId?: string;
  enqueuedAtMs: number;
  /** messageType application property, '' when absent. */
  messageType: string;
  systemProperties: { [name: string]: string };
  properties: { [name: string]: string };
  body: Uint8Array;
}

export interface MethodRequest {
  methodName: string;
  /** Absent and null are the JSON text null on the wire. */
  payload?: Json;
  /** 5..300, default 30. */
  responseTimeoutSecs?: number;
  /** 0..300, default 0: how long to wait for an offline device. */
  connectTimeoutSecs?: number;
}

/** What a deployment to one device came to. */
export interface AppliedContent {
  /** $version of $edgeAgent's desired properties. */
  desiredVersion: number;
  /** Every module the content names, in order of name. */
  modules: string[];
}

/** Who made a change: a user name of /api/v1, `policy:<name>` or `identity:<device>[/<module>]` of the IoT Hub face, '' = the cloud itself. Never a client's claim. */
export type Actor = string;

export interface PlatformEvents {
  /** After the commit, in order of seq. */
  telemetry: TelemetryMessage;
  reported: { deviceId: string; moduleId?: string; patch: JsonObject; version: number; atMs: number };
  /** `patch` is what connected clients get: nulls kept, without $version. */
  desired: { deviceId: string; moduleId?: string; patch: JsonObject; version: number; atMs: number; by: Actor };
  /** A back end changed tags; what hangs on them is due in the same commit. */
  tags: { deviceId: string; atMs: number; by: Actor };
  connection: { deviceId: string; moduleId?: string; connected: boolean; atMs: number; reason: string };
  identity: { deviceId: string; moduleId?: string; change: 'created' | 'updated' | 'deleted'; atMs: number };
}

export interface ConnectionStrings {
  iothubowner: string;
  service: string;
  registryRead: string;
  registryReadWrite: string;
  device: string;
}

export interface Platform {
  /** kysely over the one store; further tables by `db.withTables<..>()` and store/migrations.ts. Never use it inside a transaction of your own. */
  readonly db: Db;
  /** Host names tokens may name; the first is the hub's own. */
  readonly hostNames: readonly string[];

  /** Makes the device with iotEdge capability, its modules $edgeAgent and $edgeHub, and all twins. CLOUD_DEVICE_EXISTS. */
  createEdgeDevice(deviceId: string): Promise<DeviceIdentity>;
  getDevice(deviceId: string): Promise<DeviceIdentity | undefined>;
  /** By device id, all of them. */
  listDevices(): Promise<DeviceIdentity[]>;
  /** Removes its modules, twins, sessions and telemetry and closes its connections. CLOUD_DEVICE_NOT_FOUND. */
  deleteDevice(deviceId: string): Promise<void>;
  listModules(deviceId: string): Promise<ModuleIdentity[]>;
  /** New keys that nobody holds for the device and its modules, and disabled for `reason` until letIn() with the same. CLOUD_DEVICE_NOT_FOUND. */
  lockOut(deviceId: string, reason: string): Promise<void>;
  letIn(deviceId: string, reason: string): Promise<void>;

  getTwin(deviceId: string, moduleId?: string): Promise<Twin | undefined>;
  /** Merge patch of tags and desired properties; the answer is the twin afterwards. */
  patchTwin(
    deviceId: string,
    moduleId: string | undefined,
    patch: { tags?: JsonObject; desired?: JsonObject },
  ): Promise<Twin>;

  /**
   * Deploys a base manifest to one device: all or nothing. CLOUD_MANIFEST_INVALID carries `details.problems`.
   * `desiredVersion` is that of $edgeAgent afterwards; unchanged content changes no version.
   * `followsFields`: made from the fields of a cache node; layered configurations lie on it, a base configuration takes its place while it targets the device.
   */
  applyContent(
    deviceId: string,
    content: ModulesContent,
    by?: Actor,
    how?: { followsFields?: boolean },
  ): Promise<AppliedContent>;
  /** What is deployed now, in the form applyContent takes; {} before the first deployment. CLOUD_DEVICE_NOT_FOUND. */
  getContent(deviceId: string): Promise<ModulesContent>;
  /** The last deployment made to this device alone, whatever configurations made of it; where none is known, what is deployed now. CLOUD_DEVICE_NOT_FOUND. */
  getOwnDeployment(deviceId: string): Promise<{ content: ModulesContent; followsFields: boolean }>;

  /** CLOUD_METHOD_DEVICE_OFFLINE, CLOUD_METHOD_TIMEOUT, CLOUD_DEVICE_NOT_FOUND, CLOUD_MODULE_NOT_FOUND, CLOUD_ARGUMENT_INVALID. */
  invokeMethod(
    deviceId: string,
    moduleId: string | undefined,
    call: MethodRequest,
  ): Promise<{ status: number; payload: Json }>;

  /** Messages in order of seq. With `afterSeq` or `sinceMs` the oldest that fit come first; with neither, the newest `limit`. */
  queryTelemetry(
    deviceId: string,
    filter: { moduleId?: string; afterSeq?: number; sinceMs?: number; limit: number },
  ): Promise<TelemetryMessage[]>;
  /** Newest message of that messageType ('' = messages without one). Survives the ring. */
  lastMessage(deviceId: string, moduleId: string, messageType: string): Promise<TelemetryMessage | undefined>;

  on<E extends keyof PlatformEvents>(event: E, listener: (value: PlatformEvents[E]) => void): () => void;

  /** Of the shared access policies, for the hub's own host name. Secrets: never log them. */
  connectionStrings(): ConnectionStrings;

  /** Stops timers, writes what is queued, closes the store. */
  close(): Promise<void>;
}

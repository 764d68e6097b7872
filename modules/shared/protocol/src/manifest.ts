// The deployment manifest, schema 1.0 to 1.3, with the truths of the original's parsers (iotedge.md 1).

import type { JsonObject } from './json.ts';

export type RestartPolicy = 'never' | 'on-failure' | 'on-unhealthy' | 'always';
export type ImagePullPolicy = 'on-create' | 'never';

/** modulesContent: module name -> { "properties.desired": {...} } and dotted layer keys. */
export type ModulesContent = { [module: string]: JsonObject };

export interface Problem {
  /** Dotted path from the manifest's top, e.g. modulesContent.$edgeAgent.properties.desired.modules.MCC.restartPolicy */
  path: string;
  /** What is wrong: current and wanted value. */
  message: string;
}

export interface ModuleDefinition {
  name: string;
  type: 'docker';
  version: string;
  status: 'running' | 'stopped';
  restartPolicy: RestartPolicy;
  imagePullPolicy: ImagePullPolicy;
  /** 4294967295 when absent; edgeAgent is 0. */
  startupOrder: number;
  image: string;
  /** Parsed from createOptions, createOptions01.. */
  createOptions: JsonObject;
  env: { [name: string]: string };
}

export interface RegistryCredential {
  id: string;
  username: string;
  password: string;
  address: string;
}

/** $edgeAgent desired properties, parsed. */
export interface AgentDesired {
  schemaVersion: string;
  runtime: {
    type: 'docker';
    minDockerVersion: string;
    loggingOptions?: string;
    registryCredentials: RegistryCredential[];
  };
  edgeAgent: ModuleDefinition;
  edgeHub: ModuleDefinition;
  modules: ModuleDefinition[];
}

/** Result of a parse for the device side: code is what lastDesiredStatus gets. */
export type AgentDesiredResult =
  | { ok: true; desired: AgentDesired }
  | { ok: false; code: 400 | 412 | 417; description: string; problems: Problem[] };

/** $edgeAgent `properties.desired` (with or without $version/$metadata) as edgeAgent reads it. Lenient on unknown fields, image tag default, chunked createOptions, 412 and 417 as the original. `parentHostname` resolves `$upstream:port/...`. */
export declare function parseAgentDesired(desired: JsonObject, o?: { parentHostname?: string }): AgentDesiredResult;

export interface HubRouteDefinition {
  name: string;
  route: string;
  /** 2000000000 when absent; smaller is more urgent. */
  priority: number;
  /** 0 = inherit. */
  timeToLiveSecs: number;
}
export interface HubDesired {
  schemaVersion: string;
  routes: HubRouteDefinition[];
  /** negative = never expires. */
  timeToLiveSecs: number;
  maxSizeBytes?: number;
}
export type HubDesiredResult =
  | { ok: true; desired: HubDesired }
  | { ok: false; code: 400; description: string; problems: Problem[] };

/** $edgeHub `properties.desired` as edgeHub reads it (route text is not parsed here). */
export declare function parseHubDesired(desired: JsonObject): HubDesiredResult;

/** Accepts the envelope forms of iotedge.md 1.1 ({modulesContent}, {content:{modulesContent}}, a configuration object) and returns the modulesContent; problems when none is there. */
export declare function readEnvelope(document: unknown): { modulesContent: ModulesContent } | { problems: Problem[] };

/** Every problem of a base manifest for one device, as strict as the published JSON Schema plus the parsers and the twin limits: names, enums, createOptions JSON and chunks, routes present, sizes. [] = good. */
export declare function checkManifest(modulesContent: ModulesContent): Problem[];

/** `repo/image` -> `repo/image:latest`; digests stay. Throws RangeError on a blank or malformed name. */
export declare function normalizeImage(image: string, parentHostname?: string): string;

/** The credential whose address is the image's domain (iotedge.md 1.7). */
export declare function matchRegistryCredential(
  image: string,
  credentials: RegistryCredential[],
): RegistryCredential | undefined;

/** createOptions, createOptions01.. -> object; throws RangeError on gaps or bad JSON. Key match ignores case. */
export declare function joinCreateOptions(settings: JsonObject): JsonObject;
/** Inverse: chunks of at most 512 characters. */
export declare function splitCreateOptions(createOptions: JsonObject): { [key: string]: string };

// The deployment manifest, schema 1.0 to 1.3: its shapes as the runtime uses them (iotedge.md 1).

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

/** Result of a parse for the device side: code is what lastDesiredStatus gets. Paths of problems begin at the desired section. */
export type AgentDesiredResult =
  | { ok: true; desired: AgentDesired }
  | { ok: false; code: 400 | 412 | 417; description: string; problems: Problem[] };

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

export const STARTUP_ORDER_DEFAULT = 4294967295;
/** Larger numbers are less urgent: a route without a priority comes after 0..9. */
export const ROUTE_PRIORITY_DEFAULT = 2_000_000_000;
/** Seconds, when schema 1.0 has no storeAndForwardConfiguration. */
export const TIME_TO_LIVE_SECS_DEFAULT = 7200;
/** Module names are container names and module ids. */
export const MODULE_NAME = /^[a-zA-Z0-9_-]+$/;
/** A description must fit a twin string. */
const DESCRIPTION_CHARS_MAX = 1000;

/** Text of lastDesiredStatus for a set that could not be parsed. */
export function describeProblems(problems: readonly Problem[]): string {
  const text = `Error while parsing desired properties - ${problems.map((p) => `${p.path} ${p.message}`).join('; ')}`;
  return text.length > DESCRIPTION_CHARS_MAX ? `${text.slice(0, DESCRIPTION_CHARS_MAX)}...` : text;
}

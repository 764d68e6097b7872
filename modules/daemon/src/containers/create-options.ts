// From a module's specification to the body of Docker's ContainerCreate: what the deployment says, plus what the daemon adds
// (iotedge.md 4.5, docs/contracts.md 3). Pure. The deployment wins except where identity or the operator's limits are concerned.

import type { Json, JsonObject, ModuleSpec } from '@wayside/protocol';
import { EDGE_AGENT, EDGE_HUB, isSystemModule } from '../module-names.ts';
import {
  type Environment,
  injectedEnvironment,
  MANAGEMENT_MOUNT,
  STORAGE_MOUNT,
  WORKLOAD_MOUNT,
} from './environment.ts';
import {
  instanceLabel,
  LABEL_COMPONENT,
  LABEL_CREATE_OPTIONS,
  LABEL_ENV,
  LABEL_INSTANCE,
  LABEL_MODULE,
  LABEL_ORIGINAL_IMAGE,
  LABEL_OWNER,
  OWNER,
} from './labels.ts';
import type { NodeFacts } from './node-facts.ts';

/** Log limit of a container that brings none: rotated by the engine, so that a chatty module cannot fill the disk. */
const LOG_CONFIG_DEFAULT = { Type: 'local', Config: { 'max-size': '10m', 'max-file': '3' } } as const;

/** Capabilities dropped where elevated permissions are not allowed. */
const ELEVATED_DROP = ['CHOWN', 'SETUID'];
/** Keys the daemon reads or sets. Docker reads keys in any case, so `privileged` must not slip past `Privileged`. */
const TOP_KEYS = ['Env', 'Labels', 'HostConfig', 'NetworkingConfig', 'Image'];
const HOST_KEYS = [
  'Binds',
  'Mounts',
  'ExtraHosts',
  'Dns',
  'LogConfig',
  'NetworkMode',
  'Privileged',
  'CapAdd',
  'CapDrop',
];

export interface ContainerRequest {
  spec: ModuleSpec;
  /** Module name as in moduleName(). */
  name: string;
  generationId: string;
  facts: NodeFacts;
}

/** Body of `POST /containers/create`. */
export function containerBody({ spec, name, generationId, facts }: ContainerRequest): JsonObject {
  const options = canonicalKeys(spec.config.settings.createOptions, TOP_KEYS);
  const { HostConfig: host, NetworkingConfig: networking, Env: env, Labels: labels, ...rest } = options;
  const hostConfig = hostConfigOf(canonicalKeys(objectOf(host), HOST_KEYS), name, facts, environmentOf(stringsOf(env)));
  return {
    ...rest,
    Image: spec.config.settings.image,
    Env: envList(mergedEnvironment(spec, name, generationId, facts, stringsOf(env))),
    Labels: labelsOf(objectOf(labels), spec, name, facts),
    HostConfig: hostConfig,
    NetworkingConfig: networkingOf(objectOf(networking), String(hostConfig.NetworkMode), name, facts),
  };
}

function mergedEnvironment(
  spec: ModuleSpec,
  name: string,
  generationId: string,
  facts: NodeFacts,
  own: string[],
): Environment {
  return {
    ...injectedEnvironment(name, generationId, facts),
    ...Object.fromEntries(spec.config.env.map(({ key, value }) => [key, value])),
    ...environmentOf(own),
  };
}

/** `A=b` -> { A: 'b' }; an entry without `=` takes the variable away, as in Docker. */
function environmentOf(lines: string[]): Environment {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function envList(environment: Environment): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

function labelsOf(labels: JsonObject, spec: ModuleSpec, name: string, facts: NodeFacts): JsonObject {
  // edgeAgent reads its own settings back from these two; its deployment sends them, the first start does not.
  const ofAgent: JsonObject =
    name === EDGE_AGENT
      ? {
          [LABEL_CREATE_OPTIONS]: JSON.stringify(spec.config.settings.createOptions),
          [LABEL_ENV]: JSON.stringify(Object.fromEntries(spec.config.env.map(({ key, value }) => [key, { value }]))),
        }
      : {};
  return {
    ...ofAgent,
    ...labels,
    [LABEL_OWNER]: OWNER,
    [LABEL_ORIGINAL_IMAGE]: spec.config.settings.image,
    [LABEL_INSTANCE]: instanceLabel(facts.instance),
    [LABEL_COMPONENT]: 'module',
    [LABEL_MODULE]: name,
  };
}

function hostConfigOf(host: JsonObject, name: string, facts: NodeFacts, ownEnv: Environment): JsonObject {
  const hosts = [...stringsOf(host.ExtraHosts), ...facts.dns.hosts];
  const servers = stringsOf(host.Dns).length > 0 ? stringsOf(host.Dns) : facts.dns.servers;
  return {
    ...host,
    Binds: [...stringsOf(host.Binds), ...daemonBinds(host, name, facts, ownEnv)],
    ...(Array.isArray(host.Mounts) ? { Mounts: host.Mounts.map((mount) => labelled(objectOf(mount), facts)) } : {}),
    ...(hosts.length > 0 ? { ExtraHosts: hosts } : {}),
    ...(servers.length > 0 ? { Dns: servers } : {}),
    LogConfig: objectOf(host.LogConfig).Type === undefined ? LOG_CONFIG_DEFAULT : (host.LogConfig as JsonObject),
    NetworkMode: host.NetworkMode ?? facts.network,
    ...(facts.allowElevatedPermissions ? {} : withoutElevation(host)),
  };
}

/** A volume that is made for this mount says which node it belongs to. One that is there already keeps its labels. */
function labelled(mount: JsonObject, facts: NodeFacts): JsonObject {
  if (mount.Type !== 'volume') return mount;
  const options = objectOf(mount.VolumeOptions);
  const Labels = { ...objectOf(options.Labels), [LABEL_INSTANCE]: instanceLabel(facts.instance) };
  return { ...mount, VolumeOptions: { ...options, Labels } };
}

function withoutElevation(host: JsonObject): JsonObject {
  return { Privileged: false, CapAdd: [], CapDrop: [...new Set([...stringsOf(host.CapDrop), ...ELEVATED_DROP])] };
}

/** Sockets are mounted by directory and read-only: connecting needs no write, and a restarted daemon makes the socket anew inside. */
function daemonBinds(host: JsonObject, name: string, facts: NodeFacts, ownEnv: Environment): string[] {
  const binds = [`${facts.hostWorkloadDir(name)}:${WORKLOAD_MOUNT}:ro`];
  if (name === EDGE_AGENT) binds.push(`${facts.hostManagementDir}:${MANAGEMENT_MOUNT}:ro`);
  if (needsStorage(host, name, ownEnv)) binds.push(`${facts.hostStorageDir(name)}:${STORAGE_MOUNT}`);
  return binds;
}

/** edgeAgent and edgeHub keep their state on the host unless their createOptions place it elsewhere. */
function needsStorage(host: JsonObject, name: string, ownEnv: Environment): boolean {
  if (!isSystemModule(name)) return false;
  if (ownEnv.StorageFolder !== undefined && ownEnv.StorageFolder !== STORAGE_MOUNT) return false;
  const targets = [
    ...stringsOf(host.Binds).map((bind) => bind.split(':')[1]),
    ...(Array.isArray(host.Mounts) ? host.Mounts : []).map((mount) => objectOf(mount).Target),
  ];
  return !targets.includes(STORAGE_MOUNT);
}

function networkingOf(networking: JsonObject, mode: string, name: string, facts: NodeFacts): JsonObject {
  const endpoints = objectOf(networking.EndpointsConfig);
  if (Object.keys(endpoints).length === 0) {
    return mode === facts.network
      ? { ...networking, EndpointsConfig: { [mode]: { Aliases: aliasesOf(name, facts) } } }
      : networking;
  }
  const own = endpoints[facts.network];
  if (own === undefined) return networking;
  const endpoint = objectOf(own);
  const Aliases = [...new Set([...stringsOf(endpoint.Aliases), ...aliasesOf(name, facts)])];
  return { ...networking, EndpointsConfig: { ...endpoints, [facts.network]: { ...endpoint, Aliases } } };
}

/** The module name works as a host name also where the container has an instance's prefix. */
function aliasesOf(name: string, facts: NodeFacts): string[] {
  return name === EDGE_HUB ? [name, facts.hostname] : [name];
}

/** Renames keys that differ only in case; where both are there, the exact one stays. */
function canonicalKeys(value: JsonObject, known: string[]): JsonObject {
  const byLower = new Map(known.map((key) => [key.toLowerCase(), key]));
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    const canonical = byLower.get(key.toLowerCase()) ?? key;
    if (canonical === key || !(canonical in value)) result[canonical] = inner;
  }
  return result;
}

function objectOf(value: Json | undefined): JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

function stringsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

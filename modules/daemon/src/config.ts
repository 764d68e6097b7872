// Turns the text of config.toml into the daemon's settings, or names every problem in it at once (exit code 153).
// Knows no environment and no running service; files named by URI are read here, once.

import { readFileSync } from 'node:fs';
import { ConfigError, describeError, loadConfig, parseDuration, parseToml } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { type AgentConfig, type AgentFile, agentOf } from './config/agent.ts';
import { ProblemList } from './config/problem-list.ts';
import { type Provisioning, type ProvisioningFile, provisioningOf } from './config/provisioning.ts';

const SCHEMA = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8')) as JsonObject;

/** Module network when config.toml names none; an instance appends its own name. */
const NETWORK_DEFAULT = 'azure-iot-edge';
/** Standard ports of IoT Hub's device protocols. */
export const UPSTREAM_MQTT_PORT_DEFAULT = 8883;
export const UPSTREAM_HTTPS_PORT_DEFAULT = 443;

export interface NetworkConfig {
  name: string;
  ipv6: boolean;
  ipam: { gateway?: string; subnet?: string; ip_range?: string }[];
}

/** Settings as the rest of the daemon sees them. Times in milliseconds. */
export interface DaemonConfig {
  hostname: string;
  instance: string;
  logLevel: string;
  provisioning: Provisioning;
  provisioningMode: string;
  /** Port 0 is never there; undefined = not set, so the registration's answer decides. */
  upstream: { mqttPort: number | undefined; httpsPort: number | undefined; caPem: string | undefined };
  cloudTimeoutMs: number;
  cloudRetries: number;
  preferIdentityCache: boolean;
  trustBundlePem: string | undefined;
  manifestTrustBundlePem: string | undefined;
  allowElevatedPermissions: boolean;
  connectionsMax: { management: number; workload: number };
  dns: { servers: string[]; hosts: string[] };
  proxy: { https: string; no: string };
  agent: AgentConfig;
  watchdogRetriesMax: number | 'infinite';
  edgeCa: { certPem?: string; keyPem?: string; lifeDays: number; renewAtShare: number; rotateKey: boolean };
  engineSocket: string;
  network: NetworkConfig;
  imageCleanup: { enabled: boolean; recurrenceMs: number; ageMs: number; minuteOfDay: number };
}

/** The file as the schema leaves it: defaults filled in. */
interface ConfigFile {
  hostname: string;
  instance: string;
  log_level: string;
  parent_hostname?: string;
  trust_bundle_cert?: string;
  manifest_trust_bundle_cert?: string;
  allow_elevated_docker_permissions: boolean;
  prefer_module_identity_cache: boolean;
  cloud_timeout_sec: number;
  cloud_retries: number;
  iotedge_max_requests: { management: number; workload: number };
  provisioning: ProvisioningFile;
  upstream: { mqtt_port?: number; https_port?: number; ca_cert?: string };
  dns: { servers: string[]; hosts: string[] };
  proxy: { https_proxy: string; no_proxy: string };
  agent: AgentFile;
  watchdog: { max_retries: number | 'infinite' };
  edge_ca: {
    cert?: string;
    pk?: string;
    method?: 'local_ca' | 'est';
    auto_generated_edge_ca_expiry_days: number;
    auto_renew: { rotate_key: boolean; threshold: string };
  };
  moby_runtime: {
    uri: string;
    network?: string | { name?: string; ipv6?: boolean; ipam?: { config?: NetworkConfig['ipam'] } };
  };
  image_garbage_collection: {
    enabled: boolean;
    cleanup_recurrence: string;
    image_age_cleanup_threshold: string;
    cleanup_time: string;
  };
}

export interface ReadConfigOptions {
  /** Text of config.toml. */
  text: string;
  /** Reads a file a key names; replaced in tests. */
  readTextFile?: (path: string) => string;
}

/** Settings from the text of config.toml. Throws ConfigError with every problem and its path. */
export function readConfig({
  text,
  readTextFile = (path) => readFileSync(path, 'utf8'),
}: ReadConfigOptions): DaemonConfig {
  const file = loadConfig<ConfigFile>({ schema: SCHEMA, sources: { file: tomlOf(text) } });
  const problems = new ProblemList(readTextFile);
  const config: DaemonConfig = {
    hostname: file.hostname,
    instance: file.instance,
    logLevel: file.log_level,
    provisioning: provisioningOf(file.provisioning, problems),
    provisioningMode:
      file.provisioning.source === 'manual' ? 'manual.device_connection_string' : file.provisioning.source,
    upstream: {
      mqttPort: file.upstream.mqtt_port,
      httpsPort: file.upstream.https_port,
      caPem: problems.pem('upstream.ca_cert', file.upstream.ca_cert),
    },
    cloudTimeoutMs: file.cloud_timeout_sec * 1000,
    cloudRetries: file.cloud_retries,
    preferIdentityCache: file.prefer_module_identity_cache,
    trustBundlePem: problems.pem('trust_bundle_cert', file.trust_bundle_cert),
    manifestTrustBundlePem: problems.pem('manifest_trust_bundle_cert', file.manifest_trust_bundle_cert),
    allowElevatedPermissions: file.allow_elevated_docker_permissions,
    connectionsMax: file.iotedge_max_requests,
    dns: file.dns,
    proxy: { https: proxyOf(file.proxy.https_proxy, problems), no: file.proxy.no_proxy },
    agent: agentOf(file.agent, problems),
    watchdogRetriesMax: file.watchdog.max_retries,
    edgeCa: edgeCaOf(file.edge_ca, problems),
    engineSocket: file.moby_runtime.uri.slice('unix://'.length),
    network: networkOf(file.moby_runtime.network, file.instance),
    imageCleanup: imageCleanupOf(file.image_garbage_collection, problems),
  };
  if (file.parent_hostname !== undefined) {
    problems.add('parent_hostname', 'nested nodes are not supported, wanted no such key');
  }
  problems.throwIfAny();
  return config;
}

/** A file that is no TOML is a wrong configuration like any other: one problem, exit code 153. */
function tomlOf(text: string): object {
  try {
    return parseToml(text);
  } catch (error) {
    throw new ConfigError([{ path: 'config.toml', message: describeError(error) }]);
  }
}

function proxyOf(url: string, problems: ProblemList): string {
  if (url !== '' && !/^https?:\/\/\S+$/.test(url))
    problems.add('proxy.https_proxy', 'is no URL, wanted http://host:port or https://host:port');
  return url;
}

function edgeCaOf(file: ConfigFile['edge_ca'], problems: ProblemList): DaemonConfig['edgeCa'] {
  if (file.method === 'est') problems.add('edge_ca.method', '"est" is not supported, wanted "local_ca" or cert and pk');
  if ((file.cert === undefined) !== (file.pk === undefined)) {
    problems.add('edge_ca', `has only ${file.cert === undefined ? 'pk' : 'cert'}, wanted both cert and pk`);
  }
  return {
    certPem: problems.pem('edge_ca.cert', file.cert),
    keyPem: problems.pem('edge_ca.pk', file.pk),
    lifeDays: file.auto_generated_edge_ca_expiry_days,
    renewAtShare: Number.parseInt(file.auto_renew.threshold, 10) / 100,
    rotateKey: file.auto_renew.rotate_key,
  };
}

function networkOf(network: ConfigFile['moby_runtime']['network'], instance: string): NetworkConfig {
  const standard = instance === '' ? NETWORK_DEFAULT : `${NETWORK_DEFAULT}-${instance}`;
  if (network === undefined) return { name: standard, ipv6: false, ipam: [] };
  if (typeof network === 'string') return { name: network, ipv6: false, ipam: [] };
  return { name: network.name ?? standard, ipv6: network.ipv6 ?? false, ipam: network.ipam?.config ?? [] };
}

function imageCleanupOf(
  file: ConfigFile['image_garbage_collection'],
  problems: ProblemList,
): DaemonConfig['imageCleanup'] {
  const duration = (key: 'cleanup_recurrence' | 'image_age_cleanup_threshold'): number => {
    try {
      return parseDuration(file[key]);
    } catch {
      problems.add(
        `image_garbage_collection.${key}`,
        `"${file[key]}" is no duration, wanted for example "1d" or "90m"`,
      );
      return 0;
    }
  };
  const [hour = 0, minute = 0] = file.cleanup_time.split(':').map(Number);
  return {
    enabled: file.enabled,
    recurrenceMs: duration('cleanup_recurrence'),
    ageMs: duration('image_age_cleanup_threshold'),
    minuteOfDay: hour * 60 + minute,
  };
}

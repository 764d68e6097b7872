// Turns the text of config.toml into the daemon's settings, or names every problem in it at once (exit code 153).
// Knows no environment and no running service; files named by URI are read here, once.

import { readFileSync } from 'node:fs';
import {
  ConfigError,
  type ConfigProblem,
  describeError,
  loadConfig,
  parseDuration,
  parseToml,
  Secret,
} from '@wayside/kit';
import { type JsonObject, normalizeImage, parseConnectionString } from '@wayside/protocol';

const SCHEMA = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8')) as JsonObject;

/** Module network when config.toml names none; an instance appends its own name. */
const NETWORK_DEFAULT = 'azure-iot-edge';
/** Standard ports of IoT Hub's device protocols. */
export const UPSTREAM_MQTT_PORT_DEFAULT = 8883;
export const UPSTREAM_HTTPS_PORT_DEFAULT = 443;
/** 32 bytes at most in a symmetric key of IoT Hub is usual; anything longer is no key. */
const DEVICE_KEY_CHARS_MAX = 512;

export type Provisioning =
  | { source: 'manual'; iothubHostname: string; deviceId: string; deviceKey: Secret }
  | {
      source: 'registration';
      cloudUrl: string;
      customerId: string;
      cacheNodeId: string;
      customerKey: Secret;
      registrationKey: Secret;
    };

export interface NetworkConfig {
  name: string;
  ipv6: boolean;
  ipam: { gateway?: string; subnet?: string; ip_range?: string }[];
}

export interface AgentConfig {
  /** undefined: the registration's answer names it. */
  image: string | undefined;
  imagePullPolicy: 'On-Create' | 'Never';
  createOptions: JsonObject;
  auth: { username: string; password: Secret; serveraddress: string } | undefined;
  env: { [name: string]: string };
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

interface ProvisioningFile {
  source: 'manual' | 'registration' | 'dps' | 'none';
  connection_string?: Secret;
  iothub_hostname?: string;
  device_id?: string;
  authentication?: { method: 'sas' | 'x509'; device_id_pk?: { value?: Secret; uri?: string } };
  cloud_url?: string;
  customer_id?: string;
  cache_node_id?: string;
  customer_key?: Secret;
  registration_key?: Secret;
}

interface AgentFile {
  imagePullPolicy: string;
  config: {
    image?: string;
    createOptions?: unknown;
    auth?: { username?: string; password?: Secret; serveraddress?: string };
  };
  env: { [name: string]: string | number | boolean };
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

/** Gathers what the schema cannot see, so that the operator reads all of it at once. */
class ProblemList {
  readonly #problems: ConfigProblem[] = [];
  readonly #readTextFile: (path: string) => string;

  constructor(readTextFile: (path: string) => string) {
    this.#readTextFile = readTextFile;
  }

  add(path: string, message: string): void {
    this.#problems.push({ path, message });
  }

  /** The text of a file:// URI or absolute path; '' when it cannot be read, which is then a problem. */
  file(path: string, uri: string): string {
    const name = uri.startsWith('file://') ? decodeURIComponent(new URL(uri).pathname) : uri;
    try {
      return this.#readTextFile(name);
    } catch (error) {
      this.add(
        path,
        `file ${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}), wanted a readable file`,
      );
      return '';
    }
  }

  pem(path: string, uri: string | undefined): string | undefined {
    if (uri === undefined) return undefined;
    const before = this.#problems.length;
    const text = this.file(path, uri);
    if (this.#problems.length === before && !/-----BEGIN [A-Z ]+-----/.test(text)) {
      this.add(path, `file ${uri} holds no PEM block, wanted PEM`);
    }
    return text;
  }

  throwIfAny(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }
}

function provisioningOf(file: ProvisioningFile, problems: ProblemList): Provisioning {
  if (file.source === 'registration') return registrationOf(file, problems);
  if (file.source !== 'manual') {
    problems.add('provisioning.source', `"${file.source}" is not supported, wanted "manual" or "registration"`);
  }
  return manualOf(file, problems);
}

function registrationOf(file: ProvisioningFile, problems: ProblemList): Provisioning {
  const wanted = ['cloud_url', 'customer_id', 'cache_node_id', 'customer_key', 'registration_key'] as const;
  for (const key of wanted) {
    if (file[key] === undefined) problems.add(`provisioning.${key}`, 'is missing, wanted with source = "registration"');
  }
  return {
    source: 'registration',
    cloudUrl: (file.cloud_url ?? '').replace(/\/+$/, ''),
    customerId: file.customer_id ?? '',
    cacheNodeId: file.cache_node_id ?? '',
    customerKey: file.customer_key ?? new Secret(''),
    registrationKey: file.registration_key ?? new Secret(''),
  };
}

function manualOf(file: ProvisioningFile, problems: ProblemList): Provisioning {
  if (file.connection_string !== undefined) return fromConnectionString(file.connection_string.reveal(), problems);
  if (file.source !== 'manual')
    return { source: 'manual', iothubHostname: '', deviceId: '', deviceKey: new Secret('') };
  const pk = file.authentication?.device_id_pk;
  if (file.iothub_hostname === undefined || file.device_id === undefined) {
    problems.add('provisioning', 'has neither connection_string nor iothub_hostname and device_id, wanted one of both');
  }
  if (file.authentication?.method === 'x509') {
    problems.add('provisioning.authentication.method', '"x509" is not supported, wanted "sas"');
  } else if (pk === undefined) {
    problems.add(
      'provisioning.authentication.device_id_pk',
      'is missing, wanted the device key as { value = ".." } or { uri = "file:///.." }',
    );
  }
  const path = 'provisioning.authentication.device_id_pk';
  const key = pk?.value?.reveal() ?? (pk?.uri ? problems.file(`${path}.uri`, pk.uri).trim() : '');
  if (key !== '') checkDeviceKey(path, key, problems);
  return {
    source: 'manual',
    iothubHostname: file.iothub_hostname ?? '',
    deviceId: file.device_id ?? '',
    deviceKey: new Secret(key),
  };
}

function fromConnectionString(text: string, problems: ProblemList): Provisioning {
  const path = 'provisioning.connection_string';
  try {
    const parts = parseConnectionString(text);
    if (parts.deviceId === undefined)
      problems.add(path, 'has no DeviceId, wanted HostName=..;DeviceId=..;SharedAccessKey=..');
    if (parts.moduleId !== undefined) problems.add(path, 'names a ModuleId, wanted the connection string of a device');
    if (parts.sharedAccessKey === undefined)
      problems.add(path, 'has no SharedAccessKey, wanted HostName=..;DeviceId=..;SharedAccessKey=..');
    else checkDeviceKey(path, parts.sharedAccessKey, problems);
    return {
      source: 'manual',
      iothubHostname: parts.hostName,
      deviceId: parts.deviceId ?? '',
      deviceKey: new Secret(parts.sharedAccessKey ?? ''),
    };
  } catch {
    // The parser's message may quote the text, which holds the key.
    problems.add(path, 'cannot be read, wanted HostName=..;DeviceId=..;SharedAccessKey=..');
    return { source: 'manual', iothubHostname: '', deviceId: '', deviceKey: new Secret('') };
  }
}

function checkDeviceKey(path: string, key: string, problems: ProblemList): void {
  const valid = /^[A-Za-z0-9+/]+={0,2}$/.test(key) && key.length % 4 === 0 && key.length <= DEVICE_KEY_CHARS_MAX;
  if (!valid)
    problems.add(path, `holds a key of ${key.length} characters that is no base64, wanted the device's base64 key`);
}

function proxyOf(url: string, problems: ProblemList): string {
  if (url !== '' && !/^https?:\/\/\S+$/.test(url))
    problems.add('proxy.https_proxy', 'is no URL, wanted http://host:port or https://host:port');
  return url;
}

function agentOf(file: AgentFile, problems: ProblemList): AgentConfig {
  const { auth } = file.config;
  let image = file.config.image;
  try {
    if (image !== undefined) image = normalizeImage(image);
  } catch {
    problems.add('agent.config.image', `"${image}" is no image name, wanted repository[:tag][@digest]`);
  }
  if (auth !== undefined && (!auth.username || !auth.password || !auth.serveraddress)) {
    problems.add('agent.config.auth', 'is not complete, wanted username, password and serveraddress');
  }
  return {
    image,
    imagePullPolicy: file.imagePullPolicy.toLowerCase() === 'never' ? 'Never' : 'On-Create',
    createOptions: createOptionsOf(file.config.createOptions, problems),
    auth:
      auth === undefined
        ? undefined
        : {
            username: auth.username ?? '',
            password: auth.password ?? new Secret(''),
            serveraddress: auth.serveraddress ?? '',
          },
    env: Object.fromEntries(Object.entries(file.env).map(([name, value]) => [name, String(value)])),
  };
}

function createOptionsOf(value: unknown, problems: ProblemList): JsonObject {
  let parsed: unknown = value ?? {};
  if (typeof parsed === 'string') {
    try {
      parsed = JSON.parse(parsed === '' ? '{}' : parsed);
    } catch {
      parsed = undefined;
    }
  }
  if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) return parsed as JsonObject;
  problems.add('agent.config.createOptions', 'is no object, wanted a table or the JSON text of one');
  return {};
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

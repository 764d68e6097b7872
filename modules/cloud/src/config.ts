// Settings of the cloud: config.schema.json checked, with the defaults that depend on where the code lies.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, type LogLevel, loadConfig, Secret } from '@wayside/kit';
import { checkIpPrefix } from './addresses/ip-prefix.ts';

const SCHEMA: object = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8'));
const PACKAGE: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Version of this module, e.g. `0.1.0`. */
export const CLOUD_VERSION = PACKAGE.version;

/** As the schema says of databaseUrl. */
const DATABASE_URL = /^postgres(ql)?:\/\/[^/]+\/[^/?]+/;

/** Always in the certificate, so that health checks and operators on the machine itself need no further name. */
const LOCAL_NAMES = ['localhost', '127.0.0.1'];

export interface CloudConfig {
  hostname: string;
  altNames: readonly string[];
  listenAddress: string;
  httpsPort: number;
  mqttPort: number;
  /** Absent = AMQP over WebSocket only. */
  amqpPort?: number;
  publicHttpsPort: number;
  publicMqttPort: number;
  stateDir: string;
  /** PostgreSQL; absent = cloud.db in the state folder. */
  databaseUrl?: Secret;
  imagePrefix: string;
  imageTag: string;
  imageCritical: boolean;
  installScript: string;
  driveSizeGbMin: number;
  heartbeatWindowSecs: number;
  probeIntervalSecs: number;
  sessionHours: number;
  auditDays: number;
  /** Absent = master-key in the state folder. */
  masterKeyFile?: string;
  trustedProxies: readonly string[];
  metricsPublic: boolean;
  logLevel: LogLevel;
}

/** Reads the settings from the environment. Throws ConfigError with every problem. */
export function loadCloudConfig(env: { [name: string]: string | undefined }): CloudConfig {
  const loaded = loadConfig<CloudConfig & { databaseUrlFile?: string }>({ schema: SCHEMA, sources: { env } });
  refuseBadPrefixes(loaded.trustedProxies);
  const { databaseUrlFile, ...settings } = loaded;
  const databaseUrl = settings.databaseUrl ?? readDatabaseUrl(databaseUrlFile);
  const config = {
    ...settings,
    ...(databaseUrl ? { databaseUrl } : {}),
    imageTag: loaded.imageTag ?? CLOUD_VERSION,
    installScript: loaded.installScript ?? fileURLToPath(new URL('../../../scripts/install.sh', import.meta.url)),
  };
  return Object.freeze(config);
}

function readDatabaseUrl(path: string | undefined): Secret | undefined {
  if (path === undefined) return undefined;
  const refuse = (message: string) =>
    new ConfigError([{ path: 'WAYSIDE_CLOUD_DATABASE_URL_FILE (databaseUrlFile)', message }]);
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw refuse(`is "${path}", which cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!DATABASE_URL.test(text))
    throw refuse(`is "${path}", its text is not as postgres://user:password@host:port/name`);
  return new Secret(text);
}

function refuseBadPrefixes(prefixes: readonly string[]): void {
  const problems = prefixes.flatMap((text, index) => {
    const check = checkIpPrefix(text);
    return check.ok
      ? []
      : [{ path: `WAYSIDE_CLOUD_TRUSTED_PROXIES (trustedProxies.${index})`, message: `is "${text}": ${check.why}` }];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

export function masterKeyPath(config: Pick<CloudConfig, 'masterKeyFile' | 'stateDir'>): string {
  return config.masterKeyFile ?? join(config.stateDir, 'master-key');
}

/** Every name and address of this cloud, the IoT Hub host name first, none twice. */
export function cloudNames(config: Pick<CloudConfig, 'hostname' | 'altNames'>): string[] {
  return [...new Set([config.hostname, ...config.altNames, ...LOCAL_NAMES].map((name) => name.toLowerCase()))];
}

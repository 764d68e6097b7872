// Settings of the cloud: config.schema.json checked, with the defaults that depend on where the code lies.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConfigError, type LogLevel, loadConfig } from '@wayside/kit';
import { checkIpPrefix } from './addresses/ip-prefix.ts';

const SCHEMA: object = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8'));
const PACKAGE: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Version of this module, e.g. `0.1.0`. */
export const CLOUD_VERSION = PACKAGE.version;

/** Always in the certificate, so that health checks and operators on the machine itself need no further name. */
const LOCAL_NAMES = ['localhost', '127.0.0.1'];

export interface CloudConfig {
  hostname: string;
  altNames: readonly string[];
  listenAddress: string;
  httpsPort: number;
  mqttPort: number;
  publicHttpsPort: number;
  publicMqttPort: number;
  stateDir: string;
  imagePrefix: string;
  imageTag: string;
  installScript: string;
  driveSizeGbMin: number;
  heartbeatWindowSecs: number;
  probeIntervalSecs: number;
  sessionHours: number;
  auditDays: number;
  trustedProxies: readonly string[];
  metricsPublic: boolean;
  logLevel: LogLevel;
}

/** Reads the settings from the environment. Throws ConfigError with every problem. */
export function loadCloudConfig(env: { [name: string]: string | undefined }): CloudConfig {
  const loaded = loadConfig<CloudConfig>({ schema: SCHEMA, sources: { env } });
  refuseBadPrefixes(loaded.trustedProxies);
  const config = {
    ...loaded,
    imageTag: loaded.imageTag ?? CLOUD_VERSION,
    installScript: loaded.installScript ?? fileURLToPath(new URL('../../../scripts/install.sh', import.meta.url)),
  };
  return Object.freeze(config);
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

/** Every name and address of this cloud, the IoT Hub host name first, none twice. */
export function cloudNames(config: Pick<CloudConfig, 'hostname' | 'altNames'>): string[] {
  return [...new Set([config.hostname, ...config.altNames, ...LOCAL_NAMES].map((name) => name.toLowerCase()))];
}

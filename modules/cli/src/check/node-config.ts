// Reads a node's config.toml as far as the checks need it, with every problem named.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { loadConfig, parseToml, type Secret } from '@wayside/kit';

const schema = JSON.parse(readFileSync(new URL('./node-config.schema.json', import.meta.url), 'utf8'));

export interface NodeConfig {
  readonly hostname: string;
  readonly instance: string;
  readonly trust_bundle_cert?: string;
  readonly provisioning: {
    readonly source: 'manual' | 'registration' | 'dps' | 'none';
    readonly connection_string?: Secret;
    readonly iothub_hostname?: string;
    readonly cloud_url?: string;
  };
  readonly upstream: { readonly mqtt_port: number; readonly https_port: number; readonly ca_cert?: string };
  readonly dns: { readonly servers: readonly string[]; readonly hosts: readonly string[] };
  readonly proxy: { readonly https_proxy: string; readonly no_proxy: string };
  readonly moby_runtime: { readonly uri: string; readonly network?: string | { readonly name?: string } };
}

/** Throws the file's errno error, KIT_TOML_INVALID or ConfigError. */
export async function readNodeConfig(path: string): Promise<NodeConfig> {
  return loadConfig<NodeConfig>({ schema, sources: { file: parseToml(await readFile(path, 'utf8')) } });
}

/** Name of the module network. */
export function networkName(config: NodeConfig): string {
  const { network } = config.moby_runtime;
  const named = typeof network === 'string' ? network : network?.name;
  return named ?? `azure-iot-edge${config.instance === '' ? '' : `-${config.instance}`}`;
}

/** `file:///etc/x.pem` or `/etc/x.pem` -> path. */
export function filePath(uri: string): string {
  return uri.replace(/^file:\/\//, '');
}

/** Value of `HostName=` in a connection string. */
export function hostNameOf(connectionString: string): string | undefined {
  return /(?:^|;)HostName=([^;]+)/i.exec(connectionString)?.[1];
}

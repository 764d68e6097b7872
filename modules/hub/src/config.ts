// The hub's settings from its environment.

import { readFileSync } from 'node:fs';
import { loadConfig } from '@wayside/kit';
import type { OverflowPolicy } from './store/message-store.ts';

export interface HubConfig {
  readonly hubHost: string;
  readonly deviceId: string;
  readonly moduleId: string;
  readonly generationId: string;
  readonly workloadUri: string;
  readonly apiVersion: string;
  readonly hostname: string;
  readonly upstreamMqttPort: number;
  readonly upstreamHttpsPort: number;
  readonly storageFolder: string;
  readonly mqttEnabled: boolean;
  readonly mqttPort: number;
  readonly httpEnabled: boolean;
  readonly httpPort: number;
  readonly metricsEnabled: boolean;
  readonly metricsPort: number;
  readonly metricsAddress: string;
  readonly listenAddress: string;
  readonly connectedClientsMax: number;
  readonly messageAckTimeoutSecs: number;
  readonly reportSpacingSecs: number;
  readonly scopeRefreshSecs: number;
  readonly operationTimeoutSecs: number;
  readonly endpointBytesMax: number;
  readonly overflow: OverflowPolicy;
  readonly logLevel: string;
}

const SCHEMA = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8')) as object;

/** Throws ConfigError with every problem. */
export function readHubConfig(env: { [name: string]: string | undefined }): HubConfig {
  return loadConfig<HubConfig>({ schema: SCHEMA, sources: { env } });
}

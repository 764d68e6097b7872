// Settings of edgeAgent from its environment: the names of the original where they have a meaning here (iotedge.md 2.10).

import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { loadConfig, type Secret } from '@wayside/kit';
import type { PlanSettings } from './plan/model.ts';

interface RawConfig {
  managementUri: string;
  workloadUri: string;
  iothubHostname: string;
  deviceId: string;
  moduleId: string;
  generationId: string;
  parentHostname?: string;
  upstreamMqttPort: number;
  upstreamHttpsPort: number;
  upstreamProtocol: string;
  /** May hold a password. */
  httpsProxy?: Secret;
  noProxy?: string;
  runtimeLogLevel: string;
  storageFolder?: string;
  usePersistentStorage: boolean;
  backupConfigFilePath: string;
  configRefreshFrequencySecs: number;
  coolOffTimeUnitInSeconds: number;
  intensiveCareTimeInMinutes: number;
  maxRestartCount: number;
  moduleUpdateMode: 'NonBlocking' | 'WaitForAllPulls';
  startupGroupWaitSecs: number;
  managementApiTimeoutSecs: number;
  requestTimeoutSecs: number;
  stopModulesOnShutdown: boolean;
  metricsEnabled: boolean;
  metricsPort: number;
}

export interface AgentConfig extends RawConfig {
  /** Folder of everything the agent keeps. */
  stateFolder: string;
  backupPath: string;
  isOverWebSocket: boolean;
  /** For https.Agent: {} = no proxy. */
  proxyEnv: { https_proxy?: string; no_proxy?: string };
  plan: PlanSettings;
}

/** Longest pause before a restart (iotedge.md 2.4). */
const COOL_OFF_MS_MAX = 300_000;

/** Throws ConfigError with every problem. */
export function readConfig(env: { [name: string]: string | undefined }): AgentConfig {
  const schema = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8'));
  const raw = loadConfig<RawConfig>({ schema, sources: { env } });
  const stateFolder = join(raw.storageFolder ?? tmpdir(), 'edgeAgent');
  const backup = raw.backupConfigFilePath;
  return {
    ...raw,
    stateFolder,
    backupPath: isAbsolute(backup) ? backup : join(stateFolder, backup),
    isOverWebSocket: /ws$/i.test(raw.upstreamProtocol),
    proxyEnv: {
      ...(raw.httpsProxy ? { https_proxy: raw.httpsProxy.reveal() } : {}),
      ...(raw.noProxy ? { no_proxy: raw.noProxy } : {}),
    },
    plan: {
      waitsForAllPulls: raw.moduleUpdateMode === 'WaitForAllPulls',
      coolOffMs: raw.coolOffTimeUnitInSeconds * 1000,
      coolOffMsMax: COOL_OFF_MS_MAX,
      restartCountMax: raw.maxRestartCount,
      healthyResetMs: raw.intensiveCareTimeInMinutes * 60_000,
      startupGroupWaitMsMax: raw.startupGroupWaitSecs * 1000,
    },
  };
}

// What edgeAgent says of the node: the reported properties of $edgeAgent in the original's shape (iotedge.md 2.5), and its health message. Pure.

import { type AgentHealth, type JsonObject, STARTUP_ORDER_DEFAULT, splitCreateOptions } from '@wayside/protocol';
import type { RunningModule, RuntimeState } from './runtime-state.ts';

/** .NET's zero time: how the original says "never". */
const NEVER_UTC = '0001-01-01T00:00:00';
export const AGENT_VERSION = '0.1.0';
const GIBIBYTE = 2 ** 30;

export function toReported(state: RuntimeState): JsonObject {
  const systemModules: JsonObject = {};
  const modules: JsonObject = {};
  for (const [name, module] of state.modules) {
    if (name === 'edgeAgent') systemModules.edgeAgent = { ...commonEntry(module), startupOrder: 0 };
    else if (name === 'edgeHub') systemModules.edgeHub = moduleEntry(module);
    else modules[name] = { ...moduleEntry(module), version: module.definition.version };
  }
  const { version, code, description } = state.lastDesired;
  return {
    schemaVersion: '1.0',
    version: { version: AGENT_VERSION, build: 'simulator', commit: '' },
    lastDesiredVersion: version,
    lastDesiredStatus: { code, description },
    runtime: {
      platform: { os: 'linux', architecture: 'x86_64', version: '20.10.24' },
      type: 'docker',
      settings: {
        minDockerVersion: state.runtime?.minDockerVersion ?? '',
        ...(state.runtime?.loggingOptions === undefined ? {} : { loggingOptions: state.runtime.loggingOptions }),
      },
    },
    systemModules,
    modules,
  };
}

export interface HostFigures {
  nowMs: number;
  startedAtMs: number;
  usedCpuPercent: number;
  usedMemoryBytes: number;
}

export function toHealth(
  state: RuntimeState,
  { nowMs, startedAtMs, usedCpuPercent, usedMemoryBytes }: HostFigures,
): AgentHealth {
  const { version, code, description } = state.lastDesired;
  return {
    schemaVersion: '1.0',
    atUtc: new Date(nowMs).toISOString(),
    agentVersion: AGENT_VERSION,
    lastDesiredVersion: version,
    lastDesiredStatus: { code, description },
    modules: [...state.modules].map(([name, module]) => ({
      name,
      runtimeStatus: module.runtimeStatus,
      statusDescription: module.statusDescription,
      image: module.definition.image,
      imageHash: module.imageHash,
      restartCount: module.restartCount,
      exitCode: 0,
      lastStartTimeUtc: toUtc(module.startedAtMs, null),
      lastExitTimeUtc: toUtc(module.exitedAtMs, null),
      lastRestartTimeUtc: toUtc(module.lastRestartAtMs, null),
      nextRetryTimeUtc: null,
    })),
    daemon: { version: AGENT_VERSION, startTimeUtc: new Date(startedAtMs).toISOString() },
    host: {
      uptimeSecs: Math.round((nowMs - startedAtMs) / 1000),
      usedCpuPercent,
      usedMemoryBytes,
      totalMemoryBytes: 16 * GIBIBYTE,
      disks: [{ name: '/', availableBytes: 40 * GIBIBYTE, totalBytes: 64 * GIBIBYTE }],
    },
  };
}

function commonEntry({ definition, ...module }: RunningModule): JsonObject {
  return {
    type: 'docker',
    imagePullPolicy: definition.imagePullPolicy,
    exitCode: 0,
    statusDescription: module.statusDescription,
    lastStartTimeUtc: toUtc(module.startedAtMs, NEVER_UTC),
    lastExitTimeUtc: toUtc(module.exitedAtMs, NEVER_UTC),
    runtimeStatus: module.runtimeStatus,
    settings: { image: definition.image, imageHash: module.imageHash, ...splitCreateOptions(definition.createOptions) },
    env: Object.fromEntries(Object.entries(definition.env).map(([name, value]) => [name, { value }])),
  };
}

function moduleEntry(module: RunningModule): JsonObject {
  const { status, restartPolicy, startupOrder } = module.definition;
  return {
    ...commonEntry(module),
    status,
    restartPolicy,
    restartCount: module.restartCount,
    lastRestartTimeUtc: toUtc(module.lastRestartAtMs, NEVER_UTC),
    ...(startupOrder === STARTUP_ORDER_DEFAULT ? {} : { startupOrder }),
  };
}

function toUtc<T>(ms: number | undefined, never: T): string | T {
  return ms === undefined ? never : new Date(ms).toISOString();
}

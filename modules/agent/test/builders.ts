// Builders with defaults for tests: modules, containers, facts.

import { fingerprintOf, LABEL_FINGERPRINT } from '../src/plan/fingerprint.ts';
import type { Desired, DesiredModule, Facts, Observed, ObservedModule, PlanSettings } from '../src/plan/model.ts';

export const SETTINGS: PlanSettings = {
  coolOffMs: 10_000,
  coolOffMsMax: 300_000,
  restartCountMax: 20,
  healthyResetMs: 600_000,
  startupGroupWaitMsMax: 120_000,
  waitsForAllPulls: false,
};
export const NOW = 1_800_000_000_000;

export function aModule(change: Partial<DesiredModule> = {}): DesiredModule {
  const module: DesiredModule = {
    name: 'a',
    type: 'docker',
    version: '1.0',
    status: 'running',
    restartPolicy: 'always',
    imagePullPolicy: 'on-create',
    startupOrder: 4294967295,
    image: 'repo/a:1',
    createOptions: {},
    env: {},
    fingerprint: '',
    ...change,
  };
  return { ...module, fingerprint: change.fingerprint ?? fingerprintOf(module) };
}

export const AGENT = aModule({ name: 'edgeAgent', image: 'repo/agent:1', startupOrder: 0 });

export function aContainer(module: DesiredModule, change: Partial<ObservedModule> = {}): ObservedModule {
  return {
    name: module.name,
    image: module.image,
    imageHash: 'sha256:1',
    labels: { [LABEL_FINGERPRINT]: module.fingerprint },
    state: 'running',
    description: '',
    startedAtMs: NOW - 60_000,
    ...change,
  };
}

export function desiredOf(modules: DesiredModule[], version = 1, edgeAgent = AGENT): Desired {
  return { deploymentVersion: version, edgeAgent, modules };
}

export function observedOf(containers: ObservedModule[], identities: string[] | null = []): Observed {
  return {
    modules: new Map(containers.map((each) => [each.name, each])),
    identities:
      identities?.map((moduleId) => ({
        moduleId,
        managedBy: 'IotEdge',
        generationId: '1',
        authType: 'sas' as const,
      })) ?? undefined,
  };
}

export function factsOf(change: Partial<Facts> = {}): Facts {
  return {
    nowMs: NOW,
    settings: SETTINGS,
    history: new Map(),
    images: new Map(),
    attempts: new Map(),
    lastGood: new Map(),
    seenRunning: new Set(),
    groupWaitSinceMs: new Map(),
    ...change,
  };
}

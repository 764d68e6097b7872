// Gathers everything the judgement of one node and its monitor document need.

import type { CacheReport, ModuleHealth } from '@wayside/protocol';
import type { NodeRecord } from '../nodes/node-record.ts';
import type { NodeDb } from '../nodes/tables.ts';
import type { Platform, Twin } from '../platform.ts';
import { updateIssue } from '../updates/update-status.ts';
import { readNewestReport } from './cache-figures.ts';
import { type DesiredModules, desiredModules } from './desired-modules.ts';
import type { ModuleFacts, NodeFacts } from './judge.ts';
import type { ModuleSnapshot } from './module-changes.ts';
import { type NodeStatus, readSnapshots, readStatus } from './node-status.ts';
import type { ProbeState } from './probe-verdict.ts';

export type FactsPlatform = Pick<Platform, 'getDevice' | 'getTwin' | 'listModules'>;

export interface GatheredFacts {
  facts: NodeFacts;
  status: NodeStatus;
  snapshots: ReadonlyMap<string, ModuleSnapshot>;
  desired: DesiredModules;
  /** Is edgeAgent connected? The device itself opens no connection of its own. Asked only where it is shown. */
  isConnected(): Promise<boolean>;
  /** $version of $edgeAgent's desired properties; 0 without a device. */
  desiredVersion: number;
}

export interface GatherOptions {
  db: NodeDb;
  platform: FactsPlatform;
  nowMs: number;
  heartbeatWindowMs: number;
  probe: ProbeState;
}

export async function gatherFacts(node: NodeRecord, options: GatherOptions): Promise<GatheredFacts> {
  const { db, platform, nowMs, heartbeatWindowMs, probe } = options;
  const device = await platform.getDevice(node.name);
  const agent = device ? await platform.getTwin(node.name, '$edgeAgent') : undefined;
  const status = await readStatus(db, node.name);
  const snapshots = await readSnapshots(db, node.name);
  const report = (await readNewestReport(db, node.name))?.report;
  // The agent's own desired section names the modules: the twins of the others are many, and say nothing of the node's health.
  const desired = desiredModules(agent ? { $edgeAgent: { 'properties.desired': agent.desired } } : {});
  const facts: NodeFacts = {
    nowMs,
    isEnabled: node.isEnabled,
    missingFields: [...(node.ipAddress === null ? ['ipAddress'] : []), ...(node.drives.length === 0 ? ['drives'] : [])],
    identity: device === undefined ? 'missing' : device.status === 'disabled' ? 'disabled' : 'ok',
    // A node that was given a connection string by hand is provisioned, too: its heartbeat proves it.
    isProvisioned: node.provisionedAtMs !== null || status.heartbeatAtMs !== null,
    heartbeatAtMs: status.heartbeatAtMs,
    heartbeatWindowMs,
    modules: moduleFacts(desired, snapshots),
    deployment: deploymentFacts(agent, status),
    probe: { verdict: probe.verdict, error: probe.fault },
    drives: drivesOf(report),
    update: updateIssue(node.updateState),
  };
  return {
    facts,
    status,
    snapshots,
    desired,
    isConnected: async () =>
      device !== undefined &&
      (await platform.listModules(node.name)).some((module) => module.moduleId === '$edgeAgent' && module.connected),
    desiredVersion: agent?.desiredVersion ?? 0,
  };
}

/** Modules of the deployment first, then what else the node reports. */
function moduleFacts(desired: DesiredModules, snapshots: ReadonlyMap<string, ModuleSnapshot>): ModuleFacts[] {
  const others = [...snapshots.keys()].filter((name) => !desired.has(name)).sort();
  return [...desired.keys(), ...others].map((name) => {
    const health: ModuleHealth | undefined = snapshots.get(name)?.health;
    return {
      name,
      desiredStatus: desired.get(name) ?? null,
      runtimeStatus: health?.runtimeStatus,
      statusDescription: health?.statusDescription ?? '',
    };
  });
}

function drivesOf(report: CacheReport | undefined): CacheReport['drives'] {
  return report?.drives ?? [];
}

/** The agent reports its deployment twice, in its twin and in its health messages; the later version counts. */
function deploymentFacts(agent: Twin | undefined, status: NodeStatus): NodeFacts['deployment'] {
  if (!agent) return null;
  const lastUpdated = Date.parse(String(agent.desiredMetadata.$lastUpdated));
  const changedAtMs = Number.isNaN(lastUpdated) ? 0 : lastUpdated;
  const told = [twinStatus(agent), healthStatus(status)].filter((one) => one !== undefined);
  const latest = told.sort((a, b) => b.handledVersion - a.handledVersion)[0];
  if (!latest) return null;
  return { desiredVersion: agent.desiredVersion, changedAtMs, ...latest };
}

function twinStatus(agent: Twin): { handledVersion: number; code: number; description: string } | undefined {
  const { lastDesiredVersion, lastDesiredStatus } = agent.reported;
  if (typeof lastDesiredVersion !== 'number' || typeof lastDesiredStatus !== 'object' || lastDesiredStatus === null) {
    return undefined;
  }
  const { code, description } = lastDesiredStatus as { code?: unknown; description?: unknown };
  if (typeof code !== 'number') return undefined;
  return { handledVersion: lastDesiredVersion, code, description: typeof description === 'string' ? description : '' };
}

function healthStatus(status: NodeStatus): { handledVersion: number; code: number; description: string } | undefined {
  if (!status.health) return undefined;
  const { lastDesiredVersion, lastDesiredStatus } = status.health;
  return {
    handledVersion: lastDesiredVersion,
    code: lastDesiredStatus.code,
    description: lastDesiredStatus.description ?? '',
  };
}

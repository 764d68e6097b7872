// The one document `wayside monitor` shows.

import type { ModuleHealth, NodeMonitor } from '@wayside/protocol';
import type { NodeDb } from '../nodes/tables.ts';
import { readCacheMonitor } from './cache-figures.ts';
import { stateTextOf } from './judge.ts';
import type { DatedReason, NodeStatus } from './node-status.ts';
import type { WatchedNode } from './node-watch.ts';
import type { ProbeState } from './probe-verdict.ts';

export async function monitorOf(
  db: NodeDb,
  name: string,
  watched: WatchedNode,
  probe: ProbeState,
): Promise<NodeMonitor> {
  const { facts, judgement, snapshots, desired, status } = watched;
  const deployment = facts.deployment;
  return {
    name,
    atUtc: new Date(facts.nowMs).toISOString(),
    state: judgement.state,
    stateText: stateTextOf(judgement.state),
    reasons: judgement.reasons.map(toReason),
    lastHeartbeatUtc: toUtc(status.heartbeatAtMs),
    connected: await watched.isConnected(),
    probe: {
      atUtc: toUtc(probe.last?.atMs ?? null),
      // The verdict, not the last answer alone: one lost packet is not an outage.
      ok: probe.verdict === 'unknown' ? (probe.last?.ok ?? null) : probe.verdict === 'up',
      httpStatus: probe.last?.httpStatus ?? null,
      ms: probe.last?.durationMs ?? null,
      error: probe.last?.error ?? null,
    },
    deployment: {
      desiredVersion: watched.desiredVersion,
      handledVersion: deployment?.handledVersion ?? 0,
      code: deployment?.code ?? 0,
      description: deployment?.description ?? '',
    },
    modules: facts.modules.map(({ name: module }) => {
      const snapshot = snapshots.get(module);
      return {
        ...(snapshot?.health ?? notReported(module)),
        desiredStatus: desired.get(module) ?? null,
        startsSeen: snapshot?.startsSeen ?? 0,
        lastChangeUtc: toUtc(snapshot?.changedAtMs ?? null),
      };
    }),
    daemon: toDaemon(status),
    cache: await readCacheMonitor(db, name, facts.nowMs),
  };
}

export function toReason(reason: DatedReason): NodeMonitor['reasons'][number] {
  return { code: reason.code, text: reason.text, sinceUtc: new Date(reason.sinceMs).toISOString() };
}

function toDaemon({ daemon }: NodeStatus): NodeMonitor['daemon'] {
  if (daemon === null) return null;
  const { version, startTimeUtc, startsSeen, changedAtMs } = daemon;
  return { version, startTimeUtc, startsSeen, lastChangeUtc: new Date(changedAtMs).toISOString() };
}

function toUtc(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}

function notReported(name: string): ModuleHealth {
  return {
    name,
    runtimeStatus: 'unknown',
    statusDescription: 'not reported by the node yet',
    image: '',
    imageHash: '',
    restartCount: 0,
    exitCode: 0,
    lastStartTimeUtc: null,
    lastExitTimeUtc: null,
    lastRestartTimeUtc: null,
    nextRetryTimeUtc: null,
  };
}

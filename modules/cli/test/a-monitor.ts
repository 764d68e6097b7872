// Builders of the monitor document with good defaults.

import type { NodeMonitor } from '@wayside/protocol';

type ModuleRow = NodeMonitor['modules'][number];

export function aModuleHealth(o: Partial<ModuleRow> = {}): ModuleRow {
  return {
    name: 'MCC',
    runtimeStatus: 'running',
    statusDescription: '',
    image: 'wayside/cache:0.1.0',
    imageHash: 'sha256:1',
    restartCount: 0,
    exitCode: 0,
    lastStartTimeUtc: '2026-11-22T11:00:00.000Z',
    lastExitTimeUtc: null,
    lastRestartTimeUtc: null,
    nextRetryTimeUtc: null,
    desiredStatus: 'running',
    startsSeen: 1,
    lastChangeUtc: '2026-11-22T11:00:01.000Z',
    ...o,
  };
}

export function aMonitor(o: Partial<NodeMonitor> = {}): NodeMonitor {
  return {
    name: 'edge1',
    atUtc: '2026-11-22T12:00:00.000Z',
    state: 'Healthy',
    stateText: '',
    reasons: [],
    lastHeartbeatUtc: '2026-11-22T11:59:48.000Z',
    connected: true,
    probe: { atUtc: '2026-11-22T11:59:30.000Z', ok: true, httpStatus: 200, ms: 3.4, error: null },
    deployment: { desiredVersion: 3, handledVersion: 3, code: 200, description: '' },
    modules: [
      aModuleHealth({ name: 'edgeHub', image: 'wayside/hub:0.1.0' }),
      aModuleHealth({ name: 'edgeAgent', image: 'wayside/agent:0.1.0' }),
      aModuleHealth({ restartCount: 2, startsSeen: 3 }),
    ],
    daemon: {
      version: '0.1.0',
      startTimeUtc: '2026-11-22T11:00:00.000Z',
      startsSeen: 1,
      lastChangeUtc: '2026-11-22T11:00:01.000Z',
    },
    cache: {
      egressMbps: 812.3,
      ingressMbps: 4.05,
      hitRatio: 0.9912,
      requestsPerSec: 104,
      totals: { hitBytes: 5_000_000_000, missBytes: 50_000_000, egressBytes: 5_050_000_000, hitRatioBytes: 0.99 },
      drives: [{ path: '/nginx/cache1/', sizeBytes: 1e10, usedBytes: 2.5e9, state: 'ok', issue: null }],
      atUtc: '2026-11-22T11:59:50.000Z',
    },
    ...o,
  };
}

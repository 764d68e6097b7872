import { expect, test } from '@jest/globals';
import type { NodeMonitor } from '@wayside/protocol';
import { aModuleHealth, aMonitor } from '../../test/a-monitor.ts';
import { expectGolden } from '../../test/golden.ts';
import { bytesText, monitorText } from './monitor-text.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 12);

test('monitorText() of a healthy node', () => {
  expectGolden('monitor-healthy.txt', monitorText(aMonitor(), NOW_MS));
});

test('monitorText() of a node in trouble', () => {
  const monitor: NodeMonitor = aMonitor({
    state: 'Unhealthy',
    stateText: 'Last heartbeat is too old',
    reasons: [
      { code: 'HeartbeatLost', text: 'no heartbeat for 120 s', sinceUtc: '2026-11-22T11:58:00.000Z' },
      { code: 'ProbeFailed', text: 'content port does not answer', sinceUtc: null },
    ],
    connected: false,
    lastHeartbeatUtc: null,
    probe: { atUtc: '2026-11-22T11:59:55.000Z', ok: false, httpStatus: null, ms: null, error: 'connect ECONNREFUSED' },
    deployment: { desiredVersion: 4, handledVersion: 3, code: 500, description: 'cannot pull image' },
    modules: [
      aModuleHealth({
        name: 'MCC',
        runtimeStatus: 'backoff',
        statusDescription: 'exited with 137',
        nextRetryTimeUtc: '2026-11-22T12:00:10.000Z',
        restartCount: 3,
        startsSeen: 4,
      }),
      aModuleHealth({
        name: 'sensor',
        runtimeStatus: 'failed',
        exitCode: 1,
        lastExitTimeUtc: '2026-11-22T11:00:00.000Z',
      }),
      aModuleHealth({ name: 'old', runtimeStatus: 'running', desiredStatus: null }),
    ],
    daemon: {
      version: '0.1.1',
      startTimeUtc: '2026-11-22T11:59:15.000Z',
      startsSeen: 3,
      lastChangeUtc: '2026-11-22T11:59:20.000Z',
    },
    cache: null,
  });
  expectGolden('monitor-trouble.txt', monitorText(monitor, NOW_MS));
});

test('monitorText() before the daemon is known', () => {
  expect(monitorText(aMonitor({ daemon: null }), NOW_MS)).toMatch(/^daemon +not reported yet$/m);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [969_710, '947.0 KiB'],
  [1024 ** 3, '1.0 GiB'],
  [1024 ** 6, '1024.0 PiB'],
])('bytesText(%d) = %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

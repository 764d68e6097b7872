import { describe, expect, test } from '@jest/globals';
import { type InspectedContainer, moduleDetails, runtimeStatusOf } from './module-details.ts';

const RUNNING: InspectedContainer = {
  id: 'c0ffee',
  containerName: 'MCC',
  state: 'running',
  exitCode: 0,
  startedAt: '2026-01-02T03:04:05.678Z',
  finishedAt: '0001-01-01T00:00:00Z',
  error: '',
  health: undefined,
  imageId: 'sha256:1',
  image: 'wayside/cache:1',
  labels: { 'net.azure-devices.edge.original-image': 'registry/cache:1', a: 'b' },
  tty: false,
  networks: [],
};

describe('runtimeStatusOf()', () => {
  test.each([
    ['created', 0, 'stopped'],
    ['paused', 0, 'stopped'],
    ['restarting', 1, 'stopped'],
    ['running', 0, 'running'],
    ['removing', 0, 'stopped'],
    ['removing', 1, 'failed'],
    ['exited', 0, 'stopped'],
    ['exited', 137, 'failed'],
    ['dead', 0, 'dead'],
    ['new in some engine', 0, 'unknown'],
  ])('%s with exit code %d is %s', (state, code, wanted) => expect(runtimeStatusOf(state, code)).toBe(wanted));
});

describe('moduleDetails()', () => {
  test('of a running module has a start time and no exit', () => {
    expect(moduleDetails('MCC', RUNNING)).toEqual({
      id: 'id',
      name: 'MCC',
      type: 'docker',
      config: {
        settings: { image: 'registry/cache:1', imageHash: 'sha256:1', createOptions: { Labels: RUNNING.labels } },
        env: [],
      },
      status: { startTime: '2026-01-02T03:04:05.678Z', runtimeStatus: { status: 'running', description: 'running' } },
    });
  });

  test("of a failed module has exit time, code and the engine's words", () => {
    const failed = {
      ...RUNNING,
      state: 'exited',
      exitCode: 137,
      finishedAt: '2026-01-03T00:00:00Z',
      error: 'no such file',
    };
    expect(moduleDetails('MCC', failed).status).toEqual({
      startTime: '2026-01-02T03:04:05.678Z',
      exitStatus: { exitTime: '2026-01-03T00:00:00Z', statusCode: '137' },
      runtimeStatus: { status: 'failed', description: 'exited: no such file' },
    });
  });

  test('shows the health state when there is a health check', () => {
    expect(moduleDetails('MCC', { ...RUNNING, health: 'unhealthy' }).status.runtimeStatus.health).toBe('unhealthy');
    expect(moduleDetails('MCC', { ...RUNNING, health: 'none' }).status.runtimeStatus).not.toHaveProperty('health');
  });
});

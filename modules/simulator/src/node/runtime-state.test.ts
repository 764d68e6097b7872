import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { callAgent } from './agent-methods.ts';
import { toHealth, toReported } from './agent-report.ts';
import { applyDeployment, freshState, restartModule, runningNames } from './runtime-state.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');

function desired(modules: JsonObject = { MCC: module('cache:1') }): JsonObject {
  return {
    schemaVersion: '1.1',
    runtime: { type: 'docker', settings: { minDockerVersion: 'v1.25' } },
    systemModules: {
      edgeAgent: { type: 'docker', settings: { image: 'agent:1' } },
      edgeHub: { type: 'docker', status: 'running', restartPolicy: 'always', settings: { image: 'hub:1' } },
    },
    modules,
  };
}

function module(image: string, change: JsonObject = {}): JsonObject {
  return { type: 'docker', status: 'running', restartPolicy: 'always', settings: { image }, ...change };
}

const up = applyDeployment(freshState(), desired(), 2, { nowMs: NOW, pullsFail: false });

describe('applyDeployment()', () => {
  test('starts what is wanted and says so', () => {
    expect(up.lastDesired).toEqual({ version: 2, code: 200, description: '' });
    expect([...up.modules.keys()]).toEqual(['edgeAgent', 'edgeHub', 'MCC']);
    expect(runningNames(up)).toEqual(['MCC']);
  });

  test('touches only what differs, removes what is gone', () => {
    const changed = desired({ MCC: module('cache:1'), bgp: module('bgp:1', { status: 'stopped' }) });
    const more = applyDeployment(up, changed, 3, { nowMs: NOW + 1000, pullsFail: false });
    expect(more.modules.get('MCC')).toBe(up.modules.get('MCC'));
    expect(more.modules.get('bgp')).toMatchObject({ runtimeStatus: 'stopped', startedAtMs: undefined });
    expect(runningNames(more)).toEqual(['MCC']);
    const less = applyDeployment(more, desired({}), 4, { nowMs: NOW + 2000, pullsFail: false });
    expect([...less.modules.keys()]).toEqual(['edgeAgent', 'edgeHub']);
  });

  test('an image that cannot be pulled leaves the running one and is reported', () => {
    const broken = applyDeployment(up, desired({ MCC: module('cache:2') }), 3, { nowMs: NOW, pullsFail: true });
    expect(broken.lastDesired).toMatchObject({
      version: 3,
      code: 500,
      description: expect.stringContaining('cache:2'),
    });
    expect(broken.modules.get('MCC')?.definition.image).toBe(up.modules.get('MCC')?.definition.image);
  });

  test.each<[JsonObject, number]>([
    [{}, 417],
    [{ ...desired(), schemaVersion: '9.0' }, 412],
    [{ schemaVersion: '1.1' }, 400],
  ])('what cannot be read changes nothing but the status', (section, code) => {
    const after = applyDeployment(up, section, 3, { nowMs: NOW, pullsFail: false });
    expect(after.lastDesired).toMatchObject({ version: 3, code });
    expect(after.modules).toBe(up.modules);
  });
});

describe('what the agent says', () => {
  test("reported properties in the original's shape", () => {
    const section = toReported(up);
    expect(section).toMatchObject({
      ...{ schemaVersion: '1.0', lastDesiredVersion: 2, lastDesiredStatus: { code: 200, description: '' } },
      runtime: { type: 'docker', platform: { os: 'linux' }, settings: { minDockerVersion: 'v1.25' } },
      systemModules: { edgeAgent: { type: 'docker', startupOrder: 0, runtimeStatus: 'running' } },
    });
    expect((section.systemModules as JsonObject).edgeAgent).not.toHaveProperty('restartPolicy');
    expect((section.modules as JsonObject).MCC).toEqual({
      ...{ type: 'docker', status: 'running', restartPolicy: 'always', imagePullPolicy: 'on-create', version: '' },
      ...{ exitCode: 0, statusDescription: '', runtimeStatus: 'running', restartCount: 0, env: {} },
      ...{ lastStartTimeUtc: '2026-03-01T12:00:00.000Z', lastExitTimeUtc: '0001-01-01T00:00:00' },
      lastRestartTimeUtc: '0001-01-01T00:00:00',
      settings: { image: 'cache:1', imageHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), createOptions: '{}' },
    });
  });

  test('health names every module and the deployment', () => {
    const health = toHealth(up, { nowMs: NOW, startedAtMs: NOW - 5000, usedCpuPercent: 1, usedMemoryBytes: 2 });
    expect(health).toMatchObject({ lastDesiredVersion: 2, lastDesiredStatus: { code: 200 } });
    expect(health.modules.map(({ name, runtimeStatus }) => [name, runtimeStatus])).toEqual([
      ['edgeAgent', 'running'],
      ['edgeHub', 'running'],
      ['MCC', 'running'],
    ]);
    expect(health.host.uptimeSecs).toBe(5);
  });
});

describe('callAgent()', () => {
  const call = (name: string, payload?: JsonObject) => callAgent(name, payload, up, NOW + 60_000);

  test('answers ping in any case', () => {
    expect(call('PING').answer).toEqual({ status: 200, payload: null });
  });

  test('RestartModule restarts the module', () => {
    expect(call('restartModule', { schemaVersion: '1.0', id: 'MCC' })).toEqual({
      ...{ answer: { status: 200, payload: null }, restart: 'MCC' },
    });
    expect(restartModule(up, 'MCC', NOW + 1)?.modules.get('MCC')?.startedAtMs).toBe(NOW + 1);
    expect(restartModule(up, 'none', NOW)).toBeUndefined();
  });

  test('GetModuleLogs gives the last lines of the modules asked for', () => {
    const items = { id: '^mcc$', filter: { tail: 2 } };
    const { answer } = call('GetModuleLogs', { schemaVersion: '1.0', items });
    const [log, ...others] = answer.payload as { id: string; payload: string }[];
    expect(others).toEqual([]);
    expect(log?.id).toBe('MCC');
    expect(log?.payload.trimEnd().split('\n')).toHaveLength(2);
  });

  test.each<[string, JsonObject]>([
    ['format', {}],
    ['RestartModule', { schemaVersion: '2.0', id: 'MCC' }],
    ['RestartModule', { schemaVersion: '1.0', id: 'other' }],
    ['GetModuleLogs', { schemaVersion: '1.0', items: { id: 'other' } }],
    ['GetModuleLogs', { schemaVersion: '1.0', items: { id: '(' } }],
  ])('%s with %j is refused with a message', (name, payload) => {
    expect(call(name, payload)).toEqual({ answer: { status: 400, payload: { message: expect.any(String) } } });
  });
});

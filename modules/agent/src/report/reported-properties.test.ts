import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { AGENT, aContainer, aModule, NOW } from '../../test/builders.ts';
import { NO_HISTORY } from '../plan/model.ts';
import { toReported } from './reported-properties.ts';
import type { ModuleSnapshot, Snapshot } from './snapshot.ts';

const VERSION = { version: '0.1.0', build: '', commit: '' };
const PLATFORM = { os: 'linux', architecture: 'amd64', version: '20.10' };

const moduleSnapshot = (change: Partial<ModuleSnapshot> = {}): ModuleSnapshot => {
  const desired = change.desired ?? aModule();
  return {
    name: desired.name,
    runtimeStatus: 'running',
    statusDescription: '',
    nextRetryAtMs: null,
    desired,
    observed: aContainer(desired),
    running: desired,
    history: NO_HISTORY,
    ...change,
  };
};
const snapshotOf = (modules: ModuleSnapshot[], change: Partial<Snapshot> = {}): Snapshot => ({
  atMs: NOW,
  lastDesired: { version: 3, code: 200, description: '' },
  runtime: undefined,
  modules,
  ...change,
});
const reported = (snapshot: Snapshot) => toReported(snapshot, VERSION, PLATFORM);
const entry = (snapshot: Snapshot, name: string) =>
  (reported(snapshot).section.modules as JsonObject)[name] as JsonObject;

describe('toReported()', () => {
  test('a module has exactly the fields of the original', () => {
    const history = { ...NO_HISTORY, restartCount: 2, lastRestartAtMs: NOW };
    const desired = aModule({ env: { X: '1' }, createOptions: { User: 'u' }, startupOrder: 4 });
    expect(entry(snapshotOf([moduleSnapshot({ desired, running: desired, history })]), 'a')).toEqual({
      type: 'docker',
      version: '1.0',
      status: 'running',
      restartPolicy: 'always',
      imagePullPolicy: 'on-create',
      startupOrder: 4,
      exitCode: 0,
      statusDescription: '',
      lastStartTimeUtc: new Date(NOW - 60_000).toISOString(),
      lastExitTimeUtc: '0001-01-01T00:00:00',
      restartCount: 2,
      lastRestartTimeUtc: new Date(NOW).toISOString(),
      runtimeStatus: 'running',
      settings: { image: 'repo/a:1', imageHash: 'sha256:1', createOptions: '{"User":"u"}' },
      env: { X: { value: '1' } },
    });
  });

  test('startupOrder is left out when it is the default', () => {
    expect(entry(snapshotOf([moduleSnapshot()]), 'a')).not.toHaveProperty('startupOrder');
  });

  test('edgeAgent has no status, restart policy or counts', () => {
    const { section } = reported(snapshotOf([moduleSnapshot({ name: 'edgeAgent', desired: AGENT, running: AGENT })]));
    const agent = (section.systemModules as { edgeAgent: JsonObject }).edgeAgent;
    expect(Object.keys(agent).sort()).toEqual([
      'env',
      'exitCode',
      'imagePullPolicy',
      'lastExitTimeUtc',
      'lastStartTimeUtc',
      'runtimeStatus',
      'settings',
      'startupOrder',
      'statusDescription',
      'type',
    ]);
  });

  test('passwords are not reported', () => {
    const registryCredentials = [{ id: 'r', username: 'u', password: 'hush', address: 'reg' }];
    const { section } = reported(
      snapshotOf([], { runtime: { type: 'docker', minDockerVersion: 'v1', registryCredentials } }),
    );
    expect(section.runtime).toEqual({
      platform: PLATFORM,
      type: 'docker',
      settings: { minDockerVersion: 'v1', registryCredentials: { r: { username: 'u', address: 'reg' } } },
    });
    expect(JSON.stringify(section)).not.toContain('hush');
  });

  test('long createOptions come in chunks', () => {
    const desired = aModule({ createOptions: { Cmd: ['x'.repeat(1200)] } });
    const { settings } = entry(snapshotOf([moduleSnapshot({ desired, running: desired })]), 'a') as {
      settings: JsonObject;
    };
    expect(Object.keys(settings)).toEqual([
      'image',
      'imageHash',
      'createOptions',
      'createOptions01',
      'createOptions02',
    ]);
  });

  test('a module that is not there yet is told of with what is wanted', () => {
    const missing = moduleSnapshot({
      observed: undefined,
      running: undefined,
      runtimeStatus: 'unknown',
      statusDescription: 'image is being pulled',
    });
    expect(entry(snapshotOf([missing]), 'a')).toMatchObject({
      runtimeStatus: 'unknown',
      statusDescription: 'image is being pulled',
      lastStartTimeUtc: '0001-01-01T00:00:00',
      settings: { image: 'repo/a:1', imageHash: '' },
    });
  });

  test.each<[string, Parameters<typeof aModule>[0], number, string]>([
    ['createOptions', { createOptions: { Cmd: ['x'.repeat(1500)] } }, 30, 'sent without createOptions: '],
    [
      'env',
      { env: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`V${n}`, 'x'.repeat(200)])) },
      12,
      'sent without createOptions and env: ',
    ],
  ])('when the twin is too small, %s is left out and the reason named', (_what, change, count, shortened) => {
    const modules = Array.from({ length: count }, (_, n) => {
      const desired = aModule({ name: `m${n}`, ...change });
      return moduleSnapshot({ desired, running: desired });
    });
    const report = reported(snapshotOf(modules));
    expect(report.shortened).toContain(shortened);
    expect(report.shortened).toMatch(/\d+ bytes of at most 32768, most of them in m\d+/);
    expect(Object.keys(report.section.modules as JsonObject)).toHaveLength(count);
  });

  test('when nothing helps, the outcome of the deployment still goes out', () => {
    const modules = Array.from({ length: 200 }, (_, n) => moduleSnapshot({ desired: aModule({ name: `m${n}` }) }));
    expect(reported(snapshotOf(modules)).section).toEqual({
      schemaVersion: '1.0',
      lastDesiredVersion: 3,
      lastDesiredStatus: { code: 200, description: '' },
    });
  });
});

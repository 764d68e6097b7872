import { describe, expect, test } from '@jest/globals';
import { aModuleHealth, aMonitor } from '../../test/a-monitor.ts';
import { deploymentProgress } from './deploy.ts';

const deployment = (handledVersion: number, code: number) => ({
  desiredVersion: 3,
  handledVersion,
  code,
  description: 'd',
});

describe('deploymentProgress()', () => {
  test('done: handled, 200, every module as wanted', () => {
    expect(deploymentProgress(aMonitor(), 3)).toEqual({ state: 'done' });
  });
  test('a stopped module that is wanted stopped is done', () => {
    const modules = [aModuleHealth({ runtimeStatus: 'stopped', desiredStatus: 'stopped' })];
    expect(deploymentProgress(aMonitor({ modules }), 3)).toEqual({ state: 'done' });
  });
  test('pending while the node is behind, whatever its old code is', () => {
    expect(deploymentProgress(aMonitor({ deployment: deployment(2, 400) }), 3)).toEqual({
      state: 'pending',
      missing: ['node has handled version 2, wanted 3'],
    });
  });
  test.each([400, 412, 417])('code %d of the wanted version is final', (code) => {
    expect(deploymentProgress(aMonitor({ deployment: deployment(3, code) }), 3)).toEqual({
      state: 'refused',
      code,
      description: 'd',
    });
  });
  test('500 is tried again by the node: pending, with the reason and the modules', () => {
    const modules = [
      aModuleHealth({ runtimeStatus: 'backoff', statusDescription: 'image missing' }),
      aModuleHealth({ name: 'old', desiredStatus: null }),
    ];
    expect(deploymentProgress(aMonitor({ modules, deployment: deployment(3, 500) }), 3)).toEqual({
      state: 'pending',
      missing: ['deployment status is 500: d', 'MCC is backoff, wanted running (image missing)', 'old is still there'],
    });
  });
});

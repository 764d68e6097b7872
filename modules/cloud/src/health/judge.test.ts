import { describe, expect, test } from '@jest/globals';
import { DEPLOYMENT_GRACE_MS, judge, type ModuleFacts, type NodeFacts } from './judge.ts';

const NOW_MS = 1_800_000_000_000;

function aModule(name: string, facts: Partial<ModuleFacts> = {}): ModuleFacts {
  return { name, desiredStatus: 'running', runtimeStatus: 'running', statusDescription: '', ...facts };
}

function facts(change: Partial<NodeFacts> = {}): NodeFacts {
  return {
    nowMs: NOW_MS,
    isEnabled: true,
    missingFields: [],
    identity: 'ok',
    isProvisioned: true,
    heartbeatAtMs: NOW_MS - 15_000,
    heartbeatWindowMs: 60_000,
    modules: [aModule('edgeAgent'), aModule('edgeHub'), aModule('MCC')],
    deployment: { desiredVersion: 4, handledVersion: 4, code: 200, description: '', changedAtMs: NOW_MS - 1000 },
    probe: { verdict: 'up', error: null },
    drives: [{ path: '/nginx/cache1/', state: 'ok', issue: null }],
    ...change,
  };
}

const deployment = facts().deployment!;

describe('judge()', () => {
  test('a node with heartbeat, modules, deployment, data port and drives in order is Healthy, without reasons', () => {
    expect(judge(facts())).toEqual({ state: 'Healthy', reasons: [] });
  });

  test.each<[string, Partial<NodeFacts>, string, string[]]>([
    ['switched off', { isEnabled: false }, 'Disabled', ['Disabled']],
    ['no address', { missingFields: ['ipAddress'] }, 'NotConfigured', ['FieldMissing']],
    [
      'never provisioned',
      { isProvisioned: false, heartbeatAtMs: null, deployment: null, probe: { verdict: 'unknown', error: null } },
      'NotProvisioned',
      ['NotProvisioned'],
    ],
    ['no heartbeat yet', { heartbeatAtMs: null }, 'NeverPhonedHome', ['NeverPhonedHome']],
    ['heartbeat at the edge of the window', { heartbeatAtMs: NOW_MS - 60_000 }, 'Healthy', []],
    ['heartbeat lost', { heartbeatAtMs: NOW_MS - 60_001 }, 'Unhealthy', ['HeartbeatLost']],
    ['device deleted', { identity: 'missing' }, 'Unhealthy', ['IdentityMissing']],
    ['device disabled', { identity: 'disabled' }, 'Unhealthy', ['IdentityDisabled']],
    [
      'data port down',
      { probe: { verdict: 'down', error: 'connection refused' } },
      'Unhealthy',
      ['DataPortUnreachable'],
    ],
    ['data port not probed', { probe: { verdict: 'unknown', error: null } }, 'Unhealthy', ['DataPortUnconfirmed']],
    [
      'module in backoff',
      { modules: [aModule('MCC', { runtimeStatus: 'backoff' })] },
      'Unhealthy',
      ['ModuleNotRunning'],
    ],
    [
      'module not reported',
      { modules: [aModule('MCC', { runtimeStatus: undefined })] },
      'Unhealthy',
      ['ModuleNotRunning'],
    ],
    [
      'module stopped as wanted',
      { modules: [aModule('MCC', { desiredStatus: 'stopped', runtimeStatus: 'stopped' })] },
      'Healthy',
      [],
    ],
    [
      'foreign module failed',
      { modules: [aModule('x', { desiredStatus: null, runtimeStatus: 'failed' })] },
      'Healthy',
      [],
    ],
    [
      'deployment failed',
      { deployment: { ...deployment, code: 500, description: 'x' } },
      'Unhealthy',
      ['DeploymentFailed'],
    ],
    ['deployment on its way', { deployment: { ...deployment, handledVersion: 3 } }, 'Healthy', ['DeploymentPending']],
    [
      'deployment late',
      { deployment: { ...deployment, handledVersion: 3, changedAtMs: NOW_MS - DEPLOYMENT_GRACE_MS - 1 } },
      'Unhealthy',
      ['DeploymentLate'],
    ],
    [
      'module of a deployment on its way',
      { deployment: { ...deployment, handledVersion: 3 }, modules: [aModule('new', { runtimeStatus: undefined })] },
      'Healthy',
      ['DeploymentPending'],
    ],
    [
      'drive failed',
      { drives: [{ path: '/d', state: 'failed', issue: 'DriveNotFound' }] },
      'Unhealthy',
      ['DriveFailed'],
    ],
  ])('%s', (_what, change, state, codes) => {
    const judgement = judge(facts(change));
    expect([judgement.state, judgement.reasons.map((reason) => reason.code)]).toEqual([state, codes]);
  });

  test('a blocked data port makes the node unhealthy though its heartbeat lives', () => {
    const { state, reasons } = judge(facts({ probe: { verdict: 'down', error: 'no answer within 5000 ms' } }));
    expect(state).toBe('Unhealthy');
    expect(reasons[0]?.text).toContain('no answer within 5000 ms');
  });

  test('what a silent node said last is no news; what the cloud sees itself is', () => {
    const { reasons } = judge(
      facts({
        heartbeatAtMs: NOW_MS - 3_600_000,
        modules: [aModule('MCC', { runtimeStatus: 'failed' })],
        probe: { verdict: 'down', error: 'x' },
      }),
    );
    expect(reasons.map((reason) => reason.code)).toEqual(['HeartbeatLost', 'DataPortUnreachable']);
  });

  test('every module that does not run is a reason of its own, with its words', () => {
    const modules = [
      aModule('MCC', { runtimeStatus: 'failed', statusDescription: 'Failed (1) 3 seconds ago' }),
      aModule('edgeHub', { runtimeStatus: 'stopped' }),
    ];
    expect(judge(facts({ modules })).reasons).toEqual([
      { code: 'ModuleNotRunning', subject: 'MCC', text: 'Module MCC is failed: Failed (1) 3 seconds ago' },
      { code: 'ModuleNotRunning', subject: 'edgeHub', text: 'Module edgeHub is stopped' },
    ]);
  });

  test('a disabled node still tells what is wrong with it', () => {
    const { state, reasons } = judge(facts({ isEnabled: false, probe: { verdict: 'down', error: 'x' } }));
    expect([state, reasons.map((reason) => reason.code)]).toEqual(['Disabled', ['Disabled', 'DataPortUnreachable']]);
  });

  test('without an address there is no data port to miss', () => {
    const { reasons } = judge(facts({ missingFields: ['ipAddress'], probe: { verdict: 'unknown', error: null } }));
    expect(reasons.map((reason) => reason.code)).toEqual(['FieldMissing']);
  });
});

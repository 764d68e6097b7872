import { describe, expect, test } from '@jest/globals';
import { AGENT, aContainer, aModule, desiredOf, factsOf, NOW, observedOf, SETTINGS } from '../../test/builders.ts';
import {
  type Attempt,
  type DesiredModule,
  type Facts,
  type ImageState,
  imageKey,
  NO_HISTORY,
  type Plan,
} from './model.ts';
import { plan } from './plan.ts';

const agentContainer = aContainer(AGENT);
const a1 = aModule();
const a2 = aModule({ image: 'repo/a:2' });
const kinds = (result: Plan) => result.stages.map((stage) => stage.map((step) => `${step.kind} ${step.name}`));
const ready = (...modules: DesiredModule[]) =>
  new Map<string, ImageState>(modules.map((module) => [imageKey(module), { state: 'ready' }]));
const failedTry = (nextAtMs: number): Attempt => ({ count: 1, nextAtMs, lastError: 'no' });
const statusOf = (result: Plan, name: string) => result.statuses.find((each) => each.name === name);

describe('plan() for one module', () => {
  test.each<[string, Parameters<typeof observedOf>, Partial<Facts>, DesiredModule, string[][]]>([
    ['asks for the image of a new module', [[], ['a']], {}, a1, [['prepareImage a']]],
    ['makes it when the image is ready', [[], ['a']], { images: ready(a1) }, a1, [['create a', 'start a']]],
    ['makes its identity first', [[], []], { images: ready(a1) }, a1, [['createIdentity a', 'create a', 'start a']]],
    ['makes no identity on doubt', [[], null], { images: ready(a1) }, a1, [['create a', 'start a']]],
    [
      'does not start what is wanted stopped',
      [[], ['a']],
      { images: ready(aModule({ status: 'stopped' })) },
      aModule({ status: 'stopped' }),
      [['create a']],
    ],
    [
      'needs no pull for what ran before',
      [[], ['a']],
      { lastGood: new Map([['a', a1.fingerprint]]) },
      a1,
      [['create a', 'start a']],
    ],
    [
      'pulls what ran before when making it failed',
      [[], ['a']],
      { lastGood: new Map([['a', a1.fingerprint]]), attempts: new Map([['create:a', failedTry(NOW - 1)]]) },
      a1,
      [['prepareImage a']],
    ],
    ['leaves alone what is as wanted', [[aContainer(a1)], ['a']], {}, a1, []],
    ['asks for the image of an update', [[aContainer(a1)], ['a']], {}, a2, [['prepareImage a']]],
    ['replaces when the image is ready', [[aContainer(a1)], ['a']], { images: ready(a2) }, a2, [['replace a']]],
    [
      'restarts a crashed module while its update is being pulled',
      [[aContainer(a1, { state: 'failed', exitCode: 1, exitedAtMs: NOW - 60_000 })], ['a']],
      { images: new Map([[imageKey(a2), { state: 'pulling', sinceMs: NOW }]]) },
      a2,
      [['start a']],
    ],
    ['removes a dead container', [[aContainer(a1, { state: 'dead' })], ['a']], {}, a1, [['remove a']]],
    [
      'stops what is wanted stopped',
      [[aContainer(aModule({ status: 'stopped' }))], ['a']],
      {},
      aModule({ status: 'stopped' }),
      [['stop a']],
    ],
    [
      'forgets the restarts of what runs long',
      [[aContainer(a1, { startedAtMs: NOW - 600_000 })], ['a']],
      { history: new Map([['a', { ...NO_HISTORY, restartCount: 3 }]]) },
      a1,
      [['resetRestarts a']],
    ],
    [
      'remembers the restarts of what runs a short time',
      [[aContainer(a1, { startedAtMs: NOW - 599_999 })], ['a']],
      { history: new Map([['a', { ...NO_HISTORY, restartCount: 3 }]]) },
      a1,
      [],
    ],
    ['restarts the unhealthy', [[aContainer(a1, { health: 'unhealthy' })], ['a']], {}, a1, [['restart a']]],
    [
      'brings back the version before when an update left nothing',
      [[], ['a']],
      {
        lastGood: new Map([['a', a1.fingerprint]]),
        attempts: new Map([['replace:a', failedTry(NOW + 1)]]),
        images: ready(a2),
      },
      a2,
      [['restore a']],
    ],
  ])('%s', (_what, observed, facts, module, wanted) => {
    const [containers, identities] = observed;
    // The agent itself is as wanted in all of these rows.
    const seen = observedOf([agentContainer, ...containers], identities);
    expect(kinds(plan(desiredOf([module]), seen, factsOf(facts)))).toEqual(wanted);
  });

  test('a failed update keeps the old container, says why and when it tries again', () => {
    const facts = factsOf({ images: ready(a2), attempts: new Map([['replace:a', failedTry(NOW + 30_000)]]) });
    const result = plan(desiredOf([a2]), observedOf([aContainer(a1)], ['a']), facts);
    expect(result.stages).toEqual([]);
    expect(statusOf(result, 'a')).toEqual({
      name: 'a',
      runtimeStatus: 'running',
      statusDescription: 'update to repo/a:2 failed: no; still on repo/a:1',
      nextRetryAtMs: NOW + 30_000,
    });
  });

  test('an image that cannot be pulled keeps the old container and is asked for again in time', () => {
    const images = new Map<string, ImageState>([
      [imageKey(a2), { state: 'failed', error: 'denied', retryAtMs: NOW + 10 }],
    ]);
    const before = plan(desiredOf([a2]), observedOf([aContainer(a1)], ['a']), factsOf({ images }));
    expect(before.stages).toEqual([]);
    expect(statusOf(before, 'a')?.statusDescription).toBe('cannot pull image repo/a:2: denied; still on repo/a:1');
    const after = plan(desiredOf([a2]), observedOf([aContainer(a1)], ['a']), factsOf({ images, nowMs: NOW + 10 }));
    expect(kinds(after)).toEqual([['prepareImage a']]);
  });

  test('back-off is a wait with its end in the status', () => {
    const crashed = aContainer(a1, { state: 'failed', exitCode: 137, exitedAtMs: NOW - 4_000 });
    const result = plan(desiredOf([a1]), observedOf([crashed], ['a']), factsOf());
    expect(result.stages).toEqual([]);
    expect(result.waits).toEqual([
      { subject: 'a', reason: 'backoff', why: 'ended with exit code 137', untilMs: NOW + 6_000 },
    ]);
    expect(statusOf(result, 'a')).toMatchObject({ runtimeStatus: 'backoff', nextRetryAtMs: NOW + 6_000 });
  });
});

describe('plan() for what leaves', () => {
  test('stop before remove, before anything starts; the identity goes when the container is gone', () => {
    const gone = aContainer(aModule({ name: 'old' }));
    const first = plan(desiredOf([a1]), observedOf([gone], ['old', 'a']), factsOf({ images: ready(a1) }));
    expect(kinds(first)).toEqual([
      ['stop old', 'remove old'],
      ['create a', 'start a'],
    ]);
    const second = plan(desiredOf([a1]), observedOf([aContainer(a1)], ['old', 'a']), factsOf());
    expect(kinds(second)).toEqual([['deleteIdentity old']]);
  });

  test('never deletes system identities or those of others', () => {
    const observed = observedOf([aContainer(a1)], ['$edgeAgent', '$edgeHub', 'a']);
    const foreign = { moduleId: 'theirs', managedBy: 'someone', generationId: '1', authType: 'sas' as const };
    const identities = [...(observed.identities ?? []), foreign];
    const { stages, waits } = plan(desiredOf([a1]), { ...observed, identities }, factsOf());
    expect({ stages, waits }).toEqual({ stages: [], waits: [] });
  });
});

describe('plan() and startupOrder', () => {
  const hub = aModule({ name: 'edgeHub', startupOrder: 0 });
  const images = ready(hub, a1);
  test('one group starts in parallel, the next waits until it is up', () => {
    const twin = aModule({ name: 'b', startupOrder: 0 });
    const all = factsOf({ images: ready(hub, twin, a1) });
    const result = plan(desiredOf([hub, twin, a1]), observedOf([], ['$edgeHub', 'b', 'a']), all);
    expect(kinds(result)).toEqual([['create edgeHub', 'start edgeHub', 'create b', 'start b']]);
    expect(result.waits).toEqual([
      { subject: 'a', reason: 'startup-order', why: 'waits for edgeHub, b (startupOrder 0) to be up', order: 0 },
    ]);
  });
  test.each<[string, Parameters<typeof aContainer>[1], boolean]>([
    ['running without a health check', {}, true],
    ['running, health starting', { health: 'starting' }, false],
    ['running and healthy', { health: 'healthy' }, true],
    ['unhealthy', { health: 'unhealthy' }, false],
    ['in back-off', { state: 'failed', exitCode: 1, exitedAtMs: NOW - 1 }, false],
  ])('an earlier module %s', (_what, state, goesOn) => {
    const result = plan(
      desiredOf([hub, a1]),
      observedOf([aContainer(hub, state)], ['$edgeHub', 'a']),
      factsOf({ images }),
    );
    expect(kinds(result).flat().includes('create a')).toBe(goesOn);
  });
  test('images of later groups are fetched meanwhile', () => {
    const result = plan(desiredOf([hub, a1]), observedOf([], ['$edgeHub', 'a']), factsOf({ images: ready(hub) }));
    expect(kinds(result)).toEqual([['create edgeHub', 'start edgeHub', 'prepareImage a']]);
  });
  test('a sick early module holds back the rest only so long', () => {
    const sick = observedOf([aContainer(hub, { health: 'starting' })], ['$edgeHub', 'a']);
    const since = (ms: number) => factsOf({ images, groupWaitSinceMs: new Map([[0, NOW - ms]]) });
    expect(kinds(plan(desiredOf([hub, a1]), sick, since(119_999)))).toEqual([]);
    expect(kinds(plan(desiredOf([hub, a1]), sick, since(120_000)))).toEqual([['create a', 'start a']]);
  });
  test('a module that ran under this agent and crashed is not held back', () => {
    const hubDown = aContainer(hub, { state: 'failed', exitCode: 1, exitedAtMs: NOW - 1 });
    const crashed = aContainer(a1, { state: 'failed', exitCode: 1, exitedAtMs: NOW - 20_000 });
    const facts = { seenRunning: new Set(['a']) };
    const observed = observedOf([hubDown, crashed], ['$edgeHub', 'a']);
    expect(kinds(plan(desiredOf([hub, a1]), observed, factsOf(facts)))).toEqual([['start a']]);
    expect(kinds(plan(desiredOf([hub, a1]), observed, factsOf()))).toEqual([]);
  });
  test('a finished one-shot module counts as up', () => {
    const job = aModule({ name: 'job', startupOrder: 0, restartPolicy: 'never' });
    const done = aContainer(job, { state: 'stopped', exitCode: 0, exitedAtMs: NOW - 1 });
    const result = plan(desiredOf([job, a1]), observedOf([done], ['job', 'a']), factsOf({ images }));
    expect(kinds(result)).toEqual([['create a', 'start a']]);
  });
});

describe('plan() with ModuleUpdateMode=WaitForAllPulls', () => {
  const b1 = aModule({ name: 'b' });
  const settings = { ...SETTINGS, waitsForAllPulls: true };
  test('nothing is made or replaced before every image is there; crashed modules come back meanwhile', () => {
    const old = aContainer(a1, { state: 'failed', exitCode: 1, exitedAtMs: NOW - 60_000 });
    const observed = observedOf([old], ['a', 'b']);
    const half = plan(desiredOf([a2, b1]), observed, factsOf({ settings, images: ready(a2) }));
    expect(kinds(half)).toEqual([['start a', 'prepareImage b']]);
    expect(half.waits).toContainEqual({ subject: 'a', reason: 'image', why: 'waits for the images of b' });
    const whole = plan(desiredOf([a2, b1]), observed, factsOf({ settings, images: ready(a2, b1) }));
    expect(kinds(whole)).toEqual([['replace a', 'create b', 'start b']]);
  });
});

describe('plan() and edgeAgent itself', () => {
  const newAgent = aModule({ ...AGENT, fingerprint: undefined, image: 'repo/agent:2' });
  test('its own update comes first and alone', () => {
    const facts = factsOf({ images: ready(newAgent, a1) });
    const result = plan(desiredOf([a1], 1, newAgent), observedOf([agentContainer], ['a']), facts);
    expect(kinds(result)).toEqual([['updateAgent edgeAgent']]);
  });
  test('while its image is fetched the rest goes on', () => {
    const result = plan(
      desiredOf([a1], 1, newAgent),
      observedOf([agentContainer], ['a']),
      factsOf({ images: ready(a1) }),
    );
    expect(kinds(result)).toEqual([['prepareImage edgeAgent', 'create a', 'start a']]);
  });
  test('a failed try does not come again at once', () => {
    const facts = factsOf({
      images: ready(newAgent),
      attempts: new Map([['updateAgent:edgeAgent', failedTry(NOW + 1)]]),
    });
    const result = plan(desiredOf([], 1, newAgent), observedOf([agentContainer], []), facts);
    expect(result.stages).toEqual([]);
    expect(statusOf(result, 'edgeAgent')?.statusDescription).toBe('update to repo/agent:2 failed: no');
  });
  test.each<[string, { [name: string]: string }, string, boolean]>([
    [
      'made by the daemon from the same settings',
      { 'net.azure-devices.edge.create-options': '{}', 'net.azure-devices.edge.env': '{}' },
      'repo/agent:1',
      true,
    ],
    ['made by the daemon without labels', {}, 'repo/agent:1', true],
    ['image without its tag', {}, 'repo/agent', false],
    ['other create options', { 'net.azure-devices.edge.create-options': '{"User":"1"}' }, 'repo/agent:1', false],
    ['other env', { 'net.azure-devices.edge.env': '{"A":{"value":"1"}}' }, 'repo/agent:1', false],
    ['a label that is no JSON', { 'net.azure-devices.edge.env': '{' }, 'repo/agent:1', false],
  ])('%s', (_what, labels, image, isSame) => {
    const result = plan(
      desiredOf([]),
      observedOf([aContainer(AGENT, { labels, image })], []),
      factsOf({ images: ready(AGENT) }),
    );
    expect(kinds(result).length === 0).toBe(isSame);
  });
});

// Properties of single plans over random situations: no step names what the same plan removes, no module twice at odds, plans are pure.

import { expect, test } from '@jest/globals';
import { aContainer, aModule, desiredOf, factsOf, NOW, observedOf } from '../../test/builders.ts';
import { type DesiredModule, type ImageState, imageKey, NO_HISTORY } from './model.ts';
import { plan } from './plan.ts';

const CASES = 500;

function lcg(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
  };
}

test('no step names what the same plan removed', () => {
  const choose = lcg(42);
  const states = ['running', 'stopped', 'failed', 'dead', 'unknown'] as const;
  const policies = ['never', 'on-failure', 'on-unhealthy', 'always'] as const;
  const images: ImageState[] = [
    { state: 'ready' },
    { state: 'pulling', sinceMs: NOW },
    { state: 'failed', error: 'x', retryAtMs: NOW + 1 },
  ];
  for (let index = 0; index < CASES; index += 1) {
    const all: DesiredModule[] = ['edgeHub', 'a', 'b', 'c'].map((name) =>
      aModule({
        name,
        startupOrder: choose(3),
        status: choose(4) === 0 ? 'stopped' : 'running',
        restartPolicy: policies[choose(4)],
      }),
    );
    const wanted = all.filter(() => choose(4) > 0);
    const containers = all
      .filter(() => choose(3) > 0)
      .map((module) =>
        aContainer(choose(3) === 0 ? aModule({ name: module.name, image: 'old:1' }) : module, {
          state: states[choose(5)],
          exitCode: choose(2),
          exitedAtMs: NOW - choose(60_000),
        }),
      );
    const facts = factsOf({
      images: new Map(
        all.filter(() => choose(3) > 0).map((module) => [imageKey(module), images[choose(3)] as ImageState]),
      ),
      attempts: new Map(
        choose(2)
          ? [
              [
                `${['create', 'replace', 'start', 'remove', 'stop'][choose(5)]}:${'abc'[choose(3)]}`,
                { count: 1, nextAtMs: NOW + choose(3) - 1, lastError: 'x' },
              ],
            ]
          : [],
      ),
      history: new Map([['a', { ...NO_HISTORY, restartCount: choose(25) }]]),
    });
    const identities = ['$edgeHub', ...all.filter(() => choose(2)).map(({ name }) => name)];
    const result = plan(desiredOf(wanted), observedOf(containers, identities), facts);
    expect(plan(desiredOf(wanted), observedOf(containers, identities), facts)).toEqual(result);
    const steps = result.stages.flat();
    steps.forEach((step, at) => {
      if (step.kind !== 'remove') return;
      expect(steps.slice(at + 1).filter((later) => later.name === step.name)).toEqual([]);
    });
    for (const { name } of containers) {
      const acting = steps.filter(
        (step) => step.name === name && !['prepareImage', 'resetRestarts', 'createIdentity'].includes(step.kind),
      );
      expect([['stop', 'remove'], ['create', 'start'], [acting[0]?.kind], []]).toContainEqual(
        acting.map((step) => step.kind),
      );
    }
    // Every module that is wanted or there is spoken of, once.
    const named = result.statuses.map((status) => status.name).sort();
    expect(named).toEqual(
      [...new Set(['edgeAgent', ...wanted.map(({ name }) => name), ...containers.map(({ name }) => name)])].sort(),
    );
  }
});

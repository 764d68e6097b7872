import { describe, expect, test } from '@jest/globals';
import { AGENT_RETRY_MAX_MS, type AgentContainer, type AgentFacts, planAgent } from './plan.ts';

const container = (o: Partial<AgentContainer> = {}): AgentContainer => ({
  state: 'running',
  health: undefined,
  optionsDigest: 'd',
  imageOutdated: false,
  ...o,
});
const facts = (o: Partial<AgentFacts> = {}): AgentFacts => ({
  container: container(),
  wantedDigest: 'd',
  tries: 0,
  lastTryMs: undefined,
  nowMs: 1_000_000,
  ...o,
});

describe('planAgent()', () => {
  test.each<[string, AgentContainer | undefined, string | undefined]>([
    ['missing', undefined, 'create'],
    ['running', container(), undefined],
    ['running and healthy', container({ health: 'healthy' }), undefined],
    ['running, health starting', container({ health: 'starting' }), undefined],
    ['running but unhealthy', container({ health: 'unhealthy' }), 'restart'],
    ['running with old options', container({ optionsDigest: 'old' }), 'replace'],
    ['running without digest', container({ optionsDigest: undefined }), 'replace'],
    ['running an old build', container({ imageOutdated: true }), 'replace'],
    ['created', container({ state: 'created' }), 'start'],
    ['exited', container({ state: 'exited' }), 'start'],
    ['exited with old options', container({ state: 'exited', optionsDigest: 'old' }), 'replace'],
    ['paused', container({ state: 'paused' }), 'unpause'],
    ['restarting', container({ state: 'restarting' }), undefined],
    ['removing', container({ state: 'removing' }), undefined],
    ['dead', container({ state: 'dead' }), 'replace'],
    ['in an unheard-of state', container({ state: 'frozen' }), 'replace'],
  ])('%s', (_name, found, action) => {
    const step = planAgent(facts({ container: found }));
    expect(step.kind === 'act' ? step.action : undefined).toBe(action);
    if (action === undefined) expect(step).toEqual({ kind: 'nothing' });
  });

  test('waits longer before each further try, up to the cap, and never gives up', () => {
    const waitAfter = (tries: number) => {
      const step = planAgent(facts({ container: undefined, tries, lastTryMs: 1_000_000 }));
      return step.kind === 'wait' ? step.untilMs - 1_000_000 : 0;
    };
    expect([0, 1, 2, 3, 4, 5, 50].map(waitAfter)).toEqual([0, 2000, 4000, 8000, 16000, 32000, AGENT_RETRY_MAX_MS]);
  });

  test('acts when the pause is over', () => {
    const step = planAgent(facts({ container: undefined, tries: 1, lastTryMs: 1_000_000 - 2000 }));
    expect(step).toEqual({ kind: 'act', action: 'create', why: 'the container is missing' });
  });

  test('a running agent is left alone whatever was tried before', () => {
    expect(planAgent(facts({ tries: 9, lastTryMs: 999_999 }))).toEqual({ kind: 'nothing' });
  });
});

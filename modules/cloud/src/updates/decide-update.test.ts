import { describe, expect, test } from '@jest/globals';
import { decideUpdate, outcomeOf, UPDATE_LATE_MS, type UpdateFacts } from './decide-update.ts';
import type { UpdateRing } from './update-ring.ts';

const NOW = Date.parse('2026-01-13T03:00:00Z');
const open: UpdateRing = { ring: 'slow', week: 2, weekday: 3, from: '02:00', to: '04:00', timeZone: 'UTC' };
const shut: UpdateRing = { ...open, week: 3 };
const facts = (some: Partial<UpdateFacts> = {}): UpdateFacts => ({
  ...{
    version: '1',
    target: '2',
    isCritical: false,
    ring: shut,
    isRunning: true,
    failedVersion: undefined,
    nowMs: NOW,
  },
  ...some,
});

test.each<[string, Partial<UpdateFacts>, ReturnType<typeof decideUpdate>]>([
  ['it has the version', { target: '1' }, 'current'],
  ['outside its window', {}, 'wait'],
  ['inside its window', { ring: open }, { go: 'ring' }],
  ['fast ring', { ring: { ring: 'fast' } }, { go: 'ring' }],
  ['critical, outside its window', { isCritical: true }, { go: 'critical' }],
  ['no server runs as it', { isRunning: false }, { go: 'notRunning' }],
  ['the version failed, inside its window', { failedVersion: '2', ring: open }, 'refused'],
  ['the version failed, and is critical', { failedVersion: '2', isCritical: true }, 'refused'],
  ['an older one failed', { failedVersion: '1.5', ring: open }, { go: 'ring' }],
])('%s', (_name, some, decision) => {
  expect(decideUpdate(facts(some))).toEqual(decision);
});

describe('what became of a version', () => {
  const underway = { version: '1.3.0', from: '1.2.3', startedMs: NOW, desiredVersion: 7 };
  const told = (lastDesiredVersion: number, code: number, description = '') => ({
    lastDesiredVersion,
    lastDesiredStatus: { code, description },
  });
  const rolledBack = (image: string) =>
    `replace MCC: Cannot update MCC to ${image}: it ended with exit code 1; wayside/cache:1.2.3 runs again (AGENT_UPDATE_ROLLED_BACK) (try 1, next 2026-01-13T03:00:10.000Z)`;

  test.each<[string, ReturnType<typeof told> | null, string]>([
    ['nothing was said', null, 'underway'],
    ['of the deployment before', told(6, 200), 'underway'],
    ['it runs', told(7, 200), 'applied'],
    ['a later deployment runs', told(9, 200), 'applied'],
    ['rolled back', told(7, 500, rolledBack('wayside/cache:1.3.0')), 'failed'],
    ['rolled back from a registry with a port', told(7, 500, rolledBack('r.example:5000/w/cache:1.3.0')), 'failed'],
    ['another image was rolled back', told(7, 500, rolledBack('sensor:1.3.0.1')), 'underway'],
    ['an image cannot be pulled yet', told(7, 500, 'image of MCC: wayside/cache:1.3.0 not found'), 'underway'],
  ])('%s', (_name, health, is) => {
    expect(outcomeOf(underway, health, NOW).is).toBe(is);
  });

  test('it is late after six hours, and may still come', () => {
    expect(outcomeOf(underway, told(6, 200), NOW + UPDATE_LATE_MS - 1).is).toBe('underway');
    expect(outcomeOf(underway, null, NOW + UPDATE_LATE_MS).is).toBe('late');
    expect(outcomeOf(underway, told(7, 200), NOW + UPDATE_LATE_MS).is).toBe('applied');
  });
});

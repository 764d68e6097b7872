import { describe, expect, test } from '@jest/globals';
import { parseAgentHealth, parseCacheReport } from './message-schemas.ts';

const HEALTH = {
  schemaVersion: '1.0',
  atUtc: '2026-01-01T00:00:00Z',
  agentVersion: '1',
  lastDesiredVersion: 2,
  lastDesiredStatus: { code: 200, description: '' },
  modules: [{ name: 'MCC', runtimeStatus: 'running', restartCount: 0 }],
  host: {},
};
const REPORT = {
  fromUtc: '2026-01-01T00:00:00Z',
  toUtc: '2026-01-01T00:00:15Z',
  ...{ requests: 1, hits: 1, misses: 0, hitBytes: 5, missBytes: 0, egressBytes: 5, ingressBytes: 0 },
};

function bytes(value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

describe('parseAgentHealth()', () => {
  test('fills in what an older agent leaves out', () => {
    const parsed = parseAgentHealth(bytes(HEALTH));
    expect(parsed.ok && parsed.value.modules[0]).toEqual({
      name: 'MCC',
      runtimeStatus: 'running',
      restartCount: 0,
      statusDescription: '',
      image: '',
      imageHash: '',
      exitCode: 0,
      lastStartTimeUtc: null,
      lastExitTimeUtc: null,
      lastRestartTimeUtc: null,
      nextRetryTimeUtc: null,
    });
    expect(parsed.ok && parsed.atMs).toBe(Date.parse('2026-01-01T00:00:00Z'));
    expect(parsed.ok && parsed.value.daemon).toBeNull();
  });

  test.each<[string, unknown]>([
    ['no JSON', '{'],
    ['no object', []],
    ['no modules', { ...HEALTH, modules: undefined }],
    ['an unknown status', { ...HEALTH, modules: [{ name: 'a', runtimeStatus: 'fine', restartCount: 0 }] }],
    ['a negative count', { ...HEALTH, modules: [{ name: 'a', runtimeStatus: 'running', restartCount: -1 }] }],
    ['a flood of modules', { ...HEALTH, modules: Array(101).fill(HEALTH.modules[0]) }],
    ['a text without end', { ...HEALTH, agentVersion: 'x'.repeat(5000) }],
    ['a daemon without a start', { ...HEALTH, daemon: { version: '1' } }],
    ['a daemon started at no time', { ...HEALTH, daemon: { version: '1', startTimeUtc: 'noon' } }],
    ['no time', { ...HEALTH, atUtc: 'yesterday' }],
  ])('refuses %s', (_what, value) => {
    expect(parseAgentHealth(bytes(value)).ok).toBe(false);
  });
});

describe('parseCacheReport()', () => {
  test('takes a report', () => {
    expect(parseCacheReport(bytes(REPORT))).toMatchObject({ ok: true, atMs: Date.parse(REPORT.toUtc) });
  });

  test.each<[string, unknown]>([
    ['negative bytes', { ...REPORT, hitBytes: -1 }],
    ['bytes beyond counting', { ...REPORT, hitBytes: 1e300 }],
    ['an end before its start', { ...REPORT, fromUtc: '2026-01-01T00:01:00Z' }],
    ['missing figures', { ...REPORT, requests: undefined }],
  ])('refuses %s', (_what, value) => {
    expect(parseCacheReport(bytes(value)).ok).toBe(false);
  });
});

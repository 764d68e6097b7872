import { describe, expect, test } from '@jest/globals';
import { compareDaemon, type DaemonSnapshot } from './daemon-changes.ts';

const AT_MS = 1_800_000_000_000;
const KNOWN: DaemonSnapshot = {
  version: '1.0',
  startTimeUtc: '2026-01-01T00:00:00.000Z',
  startsSeen: 1,
  changedAtMs: 5,
};

describe('compareDaemon()', () => {
  test('the first word of it is its first start', () => {
    const told = { version: '1.0', startTimeUtc: '2026-01-01T00:00:00.000Z' };
    expect(compareDaemon(null, told, AT_MS)).toEqual({
      snapshot: { ...told, startsSeen: 1, changedAtMs: AT_MS },
      text: 'Daemon appeared: version 1.0, started at 2026-01-01T00:00:00.000Z',
      details: { ...told, startsSeen: 1 },
    });
  });

  test('a start time that moved is a start', () => {
    const change = compareDaemon(KNOWN, { version: '1.0', startTimeUtc: '2026-01-01T01:00:00.000Z' }, AT_MS);
    expect(change?.snapshot).toMatchObject({ startTimeUtc: '2026-01-01T01:00:00.000Z', startsSeen: 2 });
    expect(change?.text).toBe('Daemon started at 2026-01-01T01:00:00.000Z, starts seen 2');
  });

  test.each([
    ['2026-01-01T00:00:03.000Z', undefined],
    ['2025-12-31T23:59:57.000Z', undefined],
    ['2026-01-01T00:00:03.001Z', 2],
  ])('jitter is no start: %s', (startTimeUtc, startsSeen) => {
    expect(compareDaemon(KNOWN, { version: '1.0', startTimeUtc }, AT_MS)?.snapshot.startsSeen).toBe(startsSeen);
  });

  test('an upgrade names both versions', () => {
    const change = compareDaemon(KNOWN, { version: '1.1', startTimeUtc: '2026-01-01T01:00:00.000Z' }, AT_MS);
    expect(change?.text).toBe('Daemon started at 2026-01-01T01:00:00.000Z, starts seen 2, version 1.0 -> 1.1');
    expect(compareDaemon(KNOWN, { ...KNOWN, version: '1.1' }, AT_MS)?.text).toBe('Daemon version 1.0 -> 1.1');
  });

  test('a message that does not tell of it forgets nothing', () => {
    expect(compareDaemon(KNOWN, null, AT_MS)).toBeUndefined();
  });
});

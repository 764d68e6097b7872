import { describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import type { NodeRecord } from '../nodes/node-record.ts';
import { PROBE_HASTE_MS, ProbeLoop } from './probe-loop.ts';

/** Probing it throws, as it never should. */
const BAD_ADDRESS = '10.9.9.9';

function createSetup(names = ['edge1']) {
  const clock = new FakeClock();
  const setup = { ok: true, ipAddress: '10.0.0.1' as string | null, names };
  const asked: { target: string; atMs: number }[] = [];
  const verdicts: string[] = [];
  const startMs = clock.nowMs();
  const loop = new ProbeLoop({
    clock,
    logger: silentLogger,
    intervalMs: 15_000,
    listNodes: async () =>
      setup.names.map((name) => {
        const ipAddress = name === 'bad' ? BAD_ADDRESS : setup.ipAddress;
        return { name, ipAddress, httpPort: 80 } as NodeRecord;
      }),
    probe: async (ipAddress, httpPort) => {
      if (ipAddress === BAD_ADDRESS) throw new Error('a bug of the probe');
      asked.push({ target: `${ipAddress}:${httpPort}`, atMs: clock.nowMs() - startMs });
      const error = setup.ok ? null : 'connection refused';
      return { atMs: clock.nowMs(), ok: setup.ok, httpStatus: setup.ok ? 206 : null, durationMs: 1, error };
    },
    onVerdict: async (name, before, after) => {
      verdicts.push(`${name} ${before.verdict} -> ${after.verdict}`);
    },
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  const end = () => {
    stop.abort();
    return running;
  };
  return { clock, setup, asked, verdicts, loop, end };
}

describe('ProbeLoop', () => {
  test('asks a node that is up every 15 s', async () => {
    const { clock, asked, verdicts, end } = createSetup();
    await clock.advance(60_000);
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 15_000, 30_000, 45_000, 60_000]);
    expect(verdicts).toEqual(['edge1 unknown -> up']);
    await end();
  });

  test('asks a node that is down more often, and sees within 10 s that it is back', async () => {
    const { clock, setup, verdicts, end } = createSetup();
    await clock.advance(1_000);
    setup.ok = false;
    await clock.advance(60_000);
    expect(verdicts).toEqual(['edge1 unknown -> up', 'edge1 up -> down']);
    setup.ok = true;
    await clock.advance(10_000);
    expect(verdicts.at(-1)).toBe('edge1 down -> up');
    await end();
  });

  test('a node that stays away is asked no more often than any other', async () => {
    const { clock, setup, asked, end } = createSetup();
    setup.ok = false;
    await clock.advance(PROBE_HASTE_MS + 60_000);
    asked.length = 0;
    await clock.advance(150_000);
    expect(asked.length).toBeLessThanOrEqual(11);
    await end();
  });

  test('another address starts afresh, no address is not asked, a deleted node is forgotten', async () => {
    const { clock, setup, asked, loop, end } = createSetup();
    await clock.advance(1_000);
    setup.ok = false;
    setup.ipAddress = '10.0.0.2';
    await clock.advance(15_000);
    expect([asked.at(-1)?.target, loop.stateOf('edge1').verdict]).toEqual(['10.0.0.2:80', 'unknown']);
    setup.ipAddress = null;
    const count = asked.length;
    await clock.advance(60_000);
    expect(asked).toHaveLength(count);
    setup.names = [];
    await clock.advance(15_000);
    expect(loop.stateOf('edge1').last).toBeNull();
    await end();
  });

  test('a probe that throws stops neither the round nor the next ones', async () => {
    const { clock, asked, loop, end } = createSetup(['bad', 'good']);
    await clock.advance(30_000);
    expect(loop.stateOf('good').verdict).toBe('up');
    expect(loop.stateOf('bad').verdict).toBe('unknown');
    expect(asked).toHaveLength(3);
    await end();
  });
});

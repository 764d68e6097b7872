import { describe, expect, test } from '@jest/globals';
import { nextProbeState, PROBE_START, type ProbeResult, probeEvent } from './probe-verdict.ts';

function result(ok: boolean): ProbeResult {
  return {
    atMs: 0,
    ok,
    httpStatus: ok ? 206 : null,
    durationMs: ok ? 1 : null,
    error: ok ? null : 'connection refused',
  };
}

/** '+' = success, '-' = failure; the verdict after each. */
function verdicts(results: string): string[] {
  let state = PROBE_START;
  return [...results].map((sign) => {
    state = nextProbeState(state, result(sign === '+'));
    return state.verdict;
  });
}

describe('nextProbeState()', () => {
  test.each([
    ['+', ['up']],
    ['---', ['unknown', 'unknown', 'down']],
    ['--+', ['unknown', 'unknown', 'up']],
    ['+--+', ['up', 'up', 'up', 'up']],
    ['+---', ['up', 'up', 'up', 'down']],
    ['+--+--', ['up', 'up', 'up', 'up', 'up', 'up']],
    ['---+-++', ['unknown', 'unknown', 'down', 'down', 'down', 'down', 'up']],
  ])('%s', (results, wanted) => {
    expect(verdicts(results)).toEqual(wanted);
  });

  test('keeps the last result, also when the verdict stays', () => {
    const up = nextProbeState(PROBE_START, result(true));
    expect(nextProbeState(up, result(false))).toMatchObject({ verdict: 'up', streak: 1, last: { ok: false } });
  });
});

describe('probeEvent()', () => {
  test('says why the data port is down', () => {
    const up = nextProbeState(PROBE_START, result(true));
    const down = { verdict: 'down' as const, streak: 0, last: result(false) };
    expect(probeEvent('edge1', up, down).text).toBe('The data port does not answer: connection refused');
  });
});

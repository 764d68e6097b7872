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

describe('the fault of a down node', () => {
  test('outlives its first success, and goes with the second', () => {
    let state = [false, false, false, true].reduce((before, ok) => nextProbeState(before, result(ok)), PROBE_START);
    expect(state).toMatchObject({ verdict: 'down', fault: 'connection refused', last: { ok: true } });
    state = nextProbeState(state, result(true));
    expect(state).toMatchObject({ verdict: 'up', fault: null });
  });
});

describe('probeEvent()', () => {
  test('says why the data port is down', () => {
    const up = nextProbeState(PROBE_START, result(true));
    const down = nextProbeState(nextProbeState(nextProbeState(up, result(false)), result(false)), result(false));
    expect(probeEvent('edge1', up, down).text).toBe('The data port does not answer: connection refused');
  });
});

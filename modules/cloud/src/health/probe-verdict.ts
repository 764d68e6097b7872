// From single probe results to a verdict with hysteresis: one lost packet takes no node out, one lucky answer brings none back.

import type { NewEvent } from '../nodes/timeline.ts';

/** Failures in a row that make a node down. */
const PROBES_DOWN = 3;
/** Successes in a row that bring a down node up. */
const PROBES_UP = 2;

export interface ProbeResult {
  atMs: number;
  ok: boolean;
  httpStatus: number | null;
  /** Time until the answer was complete; null without one. */
  durationMs: number | null;
  error: string | null;
}

export interface ProbeState {
  verdict: 'unknown' | 'up' | 'down';
  /** Results in a row that speak against the verdict (while unknown: failures). */
  streak: number;
  last: ProbeResult | null;
  /** Error of the newest failure; null while up. A first success after an outage does not take the reason away. */
  fault: string | null;
}

export const PROBE_START: ProbeState = { verdict: 'unknown', streak: 0, last: null, fault: null };

/** The state after one more result. From unknown, the first success is enough. */
export function nextProbeState(state: ProbeState, result: ProbeResult): ProbeState {
  const { verdict, streak } = nextVerdict(state, result.ok);
  const fault = verdict === 'up' ? null : (result.error ?? state.fault);
  return { verdict, streak, last: result, fault };
}

function nextVerdict({ verdict, streak }: ProbeState, ok: boolean): Pick<ProbeState, 'verdict' | 'streak'> {
  if (ok && verdict === 'unknown') return { verdict: 'up', streak: 0 };
  if (ok === (verdict === 'up') && verdict !== 'unknown') return { verdict, streak: 0 };
  const needed = ok ? PROBES_UP : PROBES_DOWN;
  if (streak + 1 < needed) return { verdict, streak: streak + 1 };
  return { verdict: ok ? 'up' : 'down', streak: 0 };
}

/** What a change of the verdict looks like in the timeline. */
export function probeEvent(nodeName: string, before: ProbeState, after: ProbeState): NewEvent {
  const why = after.fault ?? 'no answer';
  const text = after.verdict === 'up' ? 'The data port answers' : `The data port does not answer: ${why}`;
  const details = { from: before.verdict, to: after.verdict, httpStatus: after.last?.httpStatus ?? null };
  return { nodeName, kind: 'probe', subject: '', text, details, ...(after.last ? { atMs: after.last.atMs } : {}) };
}

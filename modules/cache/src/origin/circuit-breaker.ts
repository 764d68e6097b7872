// Whether an origin may be asked at all: after failures in a row it is left alone, then one request tries it again. Pure: state in, state out.
// Asking an origin that does not answer costs every client seconds (connected-cache R3); a refusal costs it nothing, and stale content is served at once.

/** Points that open the breaker. Any usable answer in between sets them back to 0. */
const POINTS_MAX = 20;
/** No answer within the limits: refused, reset, timed out, name not found. Five in a row open the breaker. */
const NO_ANSWER_POINTS = 4;
/** 502, 503, 504: something in front of the origin says that it is out. One object alone can do that, so it weighs less. */
const OVERLOAD_POINTS = 1;
/** How long an origin is left alone: doubles while the trials fail. */
const OPEN_MS_MIN = 1000;
const OPEN_MS_MAX = 30_000;
/** A trial that has not come back by then is taken for lost, so that another may go. */
const TRIAL_MS_MAX = 15_000;

/** What came of a request. `answer`: the origin is there, whatever it says. */
export type Outcome = 'answer' | 'overload' | 'none';

export type BreakerState =
  | { kind: 'closed'; points: number }
  | { kind: 'open'; untilMs: number; openMs: number }
  /** One trial is under way. */
  | { kind: 'half-open'; sinceMs: number; openMs: number };

export const CLOSED: BreakerState = { kind: 'closed', points: 0 };

/** @returns the state after the request was let through, undefined when it is refused */
export function admit(state: BreakerState, nowMs: number): BreakerState | undefined {
  switch (state.kind) {
    case 'closed':
      return state;
    case 'open':
      return nowMs < state.untilMs ? undefined : { kind: 'half-open', sinceMs: nowMs, openMs: state.openMs };
    case 'half-open':
      return nowMs - state.sinceMs < TRIAL_MS_MAX ? undefined : { ...state, sinceMs: nowMs };
  }
}

/** The state after a request came back. Late results of requests from before the opening change nothing, except that an answer closes. */
export function settle(state: BreakerState, outcome: Outcome, nowMs: number): BreakerState {
  if (outcome === 'answer') return CLOSED;
  switch (state.kind) {
    case 'closed': {
      const points = state.points + (outcome === 'none' ? NO_ANSWER_POINTS : OVERLOAD_POINTS);
      return points < POINTS_MAX ? { kind: 'closed', points } : opened(OPEN_MS_MIN, nowMs);
    }
    case 'half-open':
      return opened(Math.min(OPEN_MS_MAX, state.openMs * 2), nowMs);
    case 'open':
      return state;
  }
}

function opened(openMs: number, nowMs: number): BreakerState {
  return { kind: 'open', untilMs: nowMs + openMs, openMs };
}

export function outcomeOfStatus(status: number): Outcome {
  return status === 502 || status === 503 || status === 504 ? 'overload' : 'answer';
}

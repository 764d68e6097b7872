// Decides what becomes of a container that ought to run: leave it, start it, or wait out its back-off. Pure (iotedge.md 2.4).

import type { RestartPolicy } from '@wayside/protocol';
import type { ModuleHistory, ObservedModule, PlanSettings } from './model.ts';

export type RestartDecision =
  | { action: 'none'; runtimeStatus: 'running' | 'stopped' | 'failed' | 'unknown' | 'unhealthy'; why: string }
  | { action: 'start' | 'restart'; countsAsRestart: boolean; why: string }
  | { action: 'wait'; runtimeStatus: 'backoff' | 'unhealthy'; untilMs: number; why: string };

/** Delay before restart number `restartCount + 1`: coolOff * 2^restartCount, at most coolOffMsMax. In ms. */
export function coolOffDelayMs(restartCount: number, settings: PlanSettings): number {
  // 2^30 keeps the product finite; the cap decides long before.
  return Math.min(settings.coolOffMs * 2 ** Math.min(restartCount, 30), settings.coolOffMsMax);
}

/** What a container that is wanted running needs at `nowMs`. */
export function decideRestart(
  policy: RestartPolicy,
  observed: ObservedModule,
  history: ModuleHistory,
  settings: PlanSettings,
  nowMs: number,
): RestartDecision {
  switch (observed.state) {
    case 'running':
      return decideRunning(policy, observed, history, settings, nowMs);
    case 'stopped':
      return decideStopped(policy, observed, history, settings, nowMs);
    case 'failed':
      return decideFailed(policy, observed, history, settings, nowMs);
    default:
      return { action: 'none', runtimeStatus: 'unknown', why: `the engine says "${observed.description}"` };
  }
}

function decideRunning(
  policy: RestartPolicy,
  observed: ObservedModule,
  history: ModuleHistory,
  settings: PlanSettings,
  nowMs: number,
): RestartDecision {
  if (observed.health !== 'unhealthy') return { action: 'none', runtimeStatus: 'running', why: '' };
  const why = 'the health check of the container fails';
  if (policy !== 'on-unhealthy' && policy !== 'always') return { action: 'none', runtimeStatus: 'unhealthy', why };
  if (isGivenUp(policy, history, settings))
    return { action: 'none', runtimeStatus: 'unhealthy', why: `${why}; ${givenUpText(history)}` };
  // The health check has its own retries, so the back-off counts from the start of the container, not from the verdict.
  const untilMs = (observed.startedAtMs ?? nowMs) + coolOffDelayMs(history.restartCount, settings);
  return isDue(observed.startedAtMs, untilMs, nowMs)
    ? { action: 'restart', countsAsRestart: true, why }
    : { action: 'wait', runtimeStatus: 'unhealthy', untilMs, why };
}

function decideStopped(
  policy: RestartPolicy,
  observed: ObservedModule,
  history: ModuleHistory,
  settings: PlanSettings,
  nowMs: number,
): RestartDecision {
  if (observed.startedAtMs === undefined) return { action: 'start', countsAsRestart: false, why: 'never started' };
  if (history.stoppedOnPurpose) return { action: 'start', countsAsRestart: false, why: 'wanted running again' };
  if (policy === 'never')
    return { action: 'none', runtimeStatus: 'stopped', why: 'ended with exit code 0; restartPolicy is never' };
  if (policy === 'always') return coolOff(observed, history, settings, nowMs, 'ended with exit code 0');
  // A module that went down together with the node or the agent is started again; one that was seen to finish its work is not.
  return history.completed
    ? { action: 'none', runtimeStatus: 'stopped', why: `ended with exit code 0; restartPolicy is ${policy}` }
    : { action: 'start', countsAsRestart: false, why: 'went down while the agent was not watching' };
}

function decideFailed(
  policy: RestartPolicy,
  observed: ObservedModule,
  history: ModuleHistory,
  settings: PlanSettings,
  nowMs: number,
): RestartDecision {
  const why = `ended with exit code ${observed.exitCode ?? 'unknown'}`;
  if (history.stoppedOnPurpose) return { action: 'start', countsAsRestart: false, why: 'wanted running again' };
  if (policy === 'never') return { action: 'none', runtimeStatus: 'failed', why: `${why}; restartPolicy is never` };
  if (isGivenUp(policy, history, settings))
    return { action: 'none', runtimeStatus: 'failed', why: `${why}; ${givenUpText(history)}` };
  return coolOff(observed, history, settings, nowMs, why);
}

function coolOff(
  observed: ObservedModule,
  history: ModuleHistory,
  settings: PlanSettings,
  nowMs: number,
  why: string,
): RestartDecision {
  const untilMs = (observed.exitedAtMs ?? 0) + coolOffDelayMs(history.restartCount, settings);
  return isDue(observed.exitedAtMs, untilMs, nowMs)
    ? { action: 'start', countsAsRestart: true, why }
    : { action: 'wait', runtimeStatus: 'backoff', untilMs, why };
}

/** Due when the delay is over; also when the event lies in the future, because then the clock was set back. */
function isDue(eventAtMs: number | undefined, untilMs: number, nowMs: number): boolean {
  return eventAtMs === undefined || eventAtMs > nowMs || nowMs >= untilMs;
}

/** `always` never gives up: a cache that can come back must come back. */
function isGivenUp(policy: RestartPolicy, history: ModuleHistory, settings: PlanSettings): boolean {
  return policy !== 'always' && history.restartCount >= settings.restartCountMax;
}

function givenUpText(history: ModuleHistory): string {
  return `given up after ${history.restartCount} restarts until the next deployment or RestartModule`;
}

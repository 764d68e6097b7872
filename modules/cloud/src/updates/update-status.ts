// What is shown of a node's versions: the one it has, the one that waits, when the window opens, what failed. Pure.

import type { UpdateState } from './decide-update.ts';
import type { UpdateRing } from './update-ring.ts';
import { nextWindow, type Span } from './update-window.ts';

export interface NodeUpdate {
  /** In force: the node's own, else the account's. */
  ring: UpdateRing;
  /** Of the modules in the node's manifest. */
  version: string;
  /** `late`: handed out for more than 6 hours. `failed`: the version before is back. */
  state: 'current' | 'waiting' | 'underway' | 'late' | 'failed';
  waitingVersion: string | null;
  waitingSinceUtc: string | null;
  /** The window that is open or comes next; null = always open. */
  nextWindow: { fromUtc: string; toUtc: string } | null;
  /** When the version that is on its way was handed out. */
  startedAtUtc: string | null;
  failedVersion: string | null;
  failedAtUtc: string | null;
  error: string | null;
}

/** `windows`: of rings that were asked for before, for lists of many nodes. */
export function updateStatus(
  { ring, version, state }: { ring: UpdateRing; version: string; state: UpdateState },
  nowMs: number,
  windows = new Map<string, Span | null>(),
): NodeUpdate {
  const { waiting, underway, failed } = state;
  const key = JSON.stringify(ring);
  const window = windows.get(key) ?? nextWindow(ring, nowMs);
  windows.set(key, window);
  return {
    ring,
    version,
    state: stateOf(state),
    waitingVersion: waiting?.version ?? null,
    waitingSinceUtc: utc(waiting?.sinceMs),
    nextWindow: window && { fromUtc: utc(window.fromMs) as string, toUtc: utc(window.toMs) as string },
    startedAtUtc: utc(underway?.startedMs),
    failedVersion: failed?.version ?? null,
    failedAtUtc: utc(failed?.atMs),
    error: failed?.error ?? null,
  };
}

export interface UpdateIssue {
  kind: 'UpdateFailed' | 'UpdateLate';
  version: string;
  text: string;
}

/** What is wrong with the node's updates, if anything. */
export function updateIssue({ failed, underway }: UpdateState): UpdateIssue | undefined {
  if (failed) {
    const text = `Version ${failed.version} of the modules failed, the one before runs again: ${failed.error}`;
    return { kind: 'UpdateFailed', version: failed.version, text };
  }
  if (!underway?.isLate) return undefined;
  const text = `Version ${underway.version} of the modules was handed out at ${utc(underway.startedMs)} and is not running yet`;
  return { kind: 'UpdateLate', version: underway.version, text };
}

function stateOf({ waiting, underway, failed }: UpdateState): NodeUpdate['state'] {
  if (underway) return underway.isLate ? 'late' : 'underway';
  if (waiting) return 'waiting';
  return failed ? 'failed' : 'current';
}

function utc(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

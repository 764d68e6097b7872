// What is to be done about the version of a node's modules, and what became of one that was handed out. Pure.

import type { AgentHealth } from '@wayside/protocol';
import type { UpdateRing } from './update-ring.ts';
import { isDue } from './update-window.ts';

/** An update must be done within 6 hours, else an error shows (connected-cache.md 1.16). */
export const UPDATE_LATE_MS = 6 * 3_600_000;
const ERROR_CHARACTERS_MAX = 500;

/** What is known of a node's versions beside the one in its manifest. Persisted with the node. */
export interface UpdateState {
  /** The version that waits for its window. */
  waiting?: { version: string; sinceMs: number };
  /** Handed out, and neither running nor failed yet. */
  underway?: {
    version: string;
    /** Ran before; what is gone back to. */
    from: string;
    startedMs: number;
    /** $version of $edgeAgent's desired properties with it. */
    desiredVersion?: number;
    /** Longer than UPDATE_LATE_MS. */
    isLate?: true;
  };
  /** Is not handed out again until somebody says so. */
  failed?: { version: string; atMs: number; error: string };
  /** The manifest with the node's version has still to be deployed: a start after a crash does it. */
  isUnapplied?: true;
}

export interface UpdateFacts {
  /** In the node's manifest. */
  version: string;
  /** That of its account or of the cloud. */
  target: string;
  isCritical: boolean;
  ring: UpdateRing;
  /** Does a server run as this node? Without one nobody is disturbed. */
  isRunning: boolean;
  failedVersion: string | undefined;
  nowMs: number;
}

export type UpdateReason = 'ring' | 'critical' | 'asked' | 'notRunning';
export type UpdateDecision = { go: UpdateReason } | 'current' | 'refused' | 'wait';

export function decideUpdate(facts: UpdateFacts): UpdateDecision {
  if (facts.version === facts.target) return 'current';
  if (facts.failedVersion === facts.target) return 'refused';
  if (!facts.isRunning) return { go: 'notRunning' };
  if (facts.isCritical) return { go: 'critical' };
  return isDue(facts.ring, facts.nowMs) ? { go: 'ring' } : 'wait';
}

export type Outcome = { is: 'underway' | 'late' | 'applied' } | { is: 'failed'; error: string };

/** `health`: the newest message of the node's agent. */
export function outcomeOf(
  { version, desiredVersion, startedMs }: NonNullable<UpdateState['underway']>,
  health: Pick<AgentHealth, 'lastDesiredVersion' | 'lastDesiredStatus'> | null,
  nowMs: number,
): Outcome {
  if (health && desiredVersion !== undefined && health.lastDesiredVersion >= desiredVersion) {
    const { code, description = '' } = health.lastDesiredStatus;
    if (code === 200) return { is: 'applied' };
    if (isGivenUp(description, version)) return { is: 'failed', error: description.slice(0, ERROR_CHARACTERS_MAX) };
  }
  return { is: nowMs - startedMs >= UPDATE_LATE_MS ? 'late' : 'underway' };
}

/** Did the agent give up a module of this version? An image that cannot be pulled is tried again, and may come. */
function isGivenUp(description: string, version: string): boolean {
  const named = new RegExp(`:${RegExp.escape(version)}(?![A-Za-z0-9_-]|\\.[A-Za-z0-9])`);
  return /AGENT_UPDATE_(ROLLED_BACK|FAILED)|; \S+ runs again/.test(description) && named.test(description);
}

// What to do about edgeAgent's container right now. Pure: a table of rows, first match wins.

import { backoffDelayMs } from '@wayside/kit';

/** Pauses between tries grow from the base to the cap. */
const AGENT_RETRY_BASE_MS = 2_000;
export const AGENT_RETRY_MAX_MS = 60_000;

export interface AgentContainer {
  /** Docker's state. */
  state: string;
  health: string | undefined;
  /** Digest of the options it was made with. */
  optionsDigest: string | undefined;
  /** The image its name stands for is another one by now. */
  imageOutdated: boolean;
}

export interface AgentFacts {
  /** undefined = no container. */
  container: AgentContainer | undefined;
  /** Digest of the options it is to have. */
  wantedDigest: string;
  /** Steps taken since edgeAgent last ran long enough to count as well. */
  tries: number;
  /** Monotonic time of the last step; undefined = none yet. */
  lastTryMs: number | undefined;
  nowMs: number;
}

export type AgentAction = 'create' | 'replace' | 'start' | 'unpause' | 'restart';

export type AgentStep =
  | { kind: 'nothing' }
  | { kind: 'wait'; why: string; untilMs: number }
  | { kind: 'act'; action: AgentAction; why: string };

interface Row {
  when: (container: AgentContainer | undefined, facts: AgentFacts) => boolean;
  action: AgentAction | undefined;
  why: string;
}

const ROWS: readonly Row[] = [
  { when: (c) => c === undefined, action: 'create', why: 'the container is missing' },
  { when: (c) => c?.state === 'removing', action: undefined, why: 'the container is being removed' },
  { when: (c, f) => c?.optionsDigest !== f.wantedDigest, action: 'replace', why: 'the specification changed' },
  { when: (c) => c?.imageOutdated === true, action: 'replace', why: 'the image has a newer build' },
  { when: (c) => c?.state === 'running' && c.health === 'unhealthy', action: 'restart', why: 'its health check fails' },
  { when: (c) => c?.state === 'running', action: undefined, why: '' },
  { when: (c) => c?.state === 'restarting', action: undefined, why: 'the engine restarts it' },
  { when: (c) => c?.state === 'paused', action: 'unpause', why: 'it is paused' },
  { when: (c) => c?.state === 'created' || c?.state === 'exited', action: 'start', why: 'it is not running' },
  { when: () => true, action: 'replace', why: 'it is dead or in an unknown state' },
];

export function planAgent(facts: AgentFacts): AgentStep {
  const row = ROWS.find(({ when }) => when(facts.container, facts)) as Row;
  if (row.action === undefined) return { kind: 'nothing' };
  const untilMs = notBeforeMs(facts);
  if (untilMs > facts.nowMs) return { kind: 'wait', why: row.why, untilMs };
  return { kind: 'act', action: row.action, why: row.why };
}

/** The first try is made at once, each further one later. */
function notBeforeMs({ tries, lastTryMs, nowMs }: AgentFacts): number {
  if (tries === 0 || lastTryMs === undefined) return nowMs;
  return lastTryMs + backoffDelayMs({ attempt: tries - 1, baseMs: AGENT_RETRY_BASE_MS, maxMs: AGENT_RETRY_MAX_MS });
}

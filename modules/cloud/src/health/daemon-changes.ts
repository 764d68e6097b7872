// Compares what two health messages of a node tell of its daemon, and says what happened in between.

import { type AgentHealth, DAEMON_START_JITTER_MS, type DaemonHealth, type JsonObject } from '@wayside/protocol';

export interface DaemonSnapshot extends DaemonHealth {
  /** Different starts seen since the daemon was first told of. */
  startsSeen: number;
  /** When the newest change was, by the node's report. */
  changedAtMs: number;
}

export interface DaemonChange {
  snapshot: DaemonSnapshot;
  text: string;
  details: JsonObject;
}

/** Pure. undefined = nothing new. `atMs` = time of the newer message. A message that does not tell of the daemon forgets nothing. */
export function compareDaemon(
  before: DaemonSnapshot | null,
  after: AgentHealth['daemon'],
  atMs: number,
): DaemonChange | undefined {
  if (after === null) return undefined;
  const isStart = before === null || isOtherStart(before, after);
  if (!isStart && before.version === after.version) return undefined;
  // The first time told stays: a restarted agent computes it anew, some hundred milliseconds away.
  const startTimeUtc = isStart ? after.startTimeUtc : before.startTimeUtc;
  const startsSeen = (before?.startsSeen ?? 0) + (isStart ? 1 : 0);
  const snapshot = { version: after.version, startTimeUtc, startsSeen, changedAtMs: atMs };
  const { version } = after;
  return { snapshot, text: textOf(before, snapshot, isStart), details: { version, startTimeUtc, startsSeen } };
}

function isOtherStart(before: DaemonHealth, after: DaemonHealth): boolean {
  return Math.abs(Date.parse(after.startTimeUtc) - Date.parse(before.startTimeUtc)) > DAEMON_START_JITTER_MS;
}

function textOf(before: DaemonSnapshot | null, after: DaemonSnapshot, isStart: boolean): string {
  if (before === null) return `Daemon appeared: version ${after.version}, started at ${after.startTimeUtc}`;
  const parts = isStart ? [`started at ${after.startTimeUtc}, starts seen ${after.startsSeen}`] : [];
  if (before.version !== after.version) parts.push(`version ${before.version} -> ${after.version}`);
  return `Daemon ${parts.join(', ')}`;
}

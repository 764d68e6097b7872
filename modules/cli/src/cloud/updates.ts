// `node update NODE [--now]` and the ring of a node: which version of the modules it runs, which waits, and when it takes it.

import type { Io } from '../io.ts';
import { badOption } from '../option-values.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';

/** 1 = Sunday, as the cloud counts. */
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const TIMES = /^(\d{2}:\d{2})-(\d{2}:\d{2})$/;

export interface UpdateRingOptions {
  updateRing?: string;
  updateWeek?: number;
  updateDay?: string;
  updateWindow?: string;
  updateTimeZone?: string;
}

interface NodeUpdate {
  ring: { ring: string; week?: number; weekday?: number; from?: string; to?: string; timeZone?: string };
  version: string;
  state: string;
  waitingVersion: string | null;
  nextWindow: { fromUtc: string; toUtc: string } | null;
  startedAtUtc: string | null;
  failedVersion: string | null;
  error: string | null;
}

interface PastUpdate {
  version: string;
  fromVersion: string;
  reason: string;
  by: string;
  startedAtUtc: string;
  state: string;
  error: string | null;
}

/** Options -> the field of the cloud; nothing without an option. Pure. */
export function updateRingField(o: UpdateRingOptions): { updateRing?: object | null } {
  const slow = { week: o.updateWeek, day: o.updateDay, window: o.updateWindow, timeZone: o.updateTimeZone };
  const given = Object.values(slow).some((value) => value !== undefined);
  if (given && o.updateRing !== 'slow')
    throw badOption('update-ring', o.updateRing ?? '', 'slow: only this ring has a window');
  if (o.updateRing === undefined) return {};
  if (o.updateRing === 'account') return { updateRing: null };
  if (o.updateRing === 'fast') return { updateRing: { ring: 'fast' } };
  const [, from, to] = TIMES.exec(o.updateWindow ?? '') ?? [];
  if (from === undefined) throw badOption('update-window', o.updateWindow ?? '', 'local times such as 02:00-04:00');
  const weekday =
    WEEKDAYS.findIndex((day) => o.updateDay !== undefined && day.startsWith(o.updateDay.toLowerCase())) + 1;
  if (weekday === 0 || (o.updateDay ?? '').length < 3)
    throw badOption('update-day', o.updateDay ?? '', WEEKDAYS.join(', '));
  if (o.updateWeek === undefined) throw badOption('update-week', '', '1 to 4');
  return {
    updateRing: { ring: 'slow', week: o.updateWeek, weekday, from, to, timeZone: o.updateTimeZone ?? 'UTC' },
  };
}

export async function updateNode(
  io: Io,
  client: CloudClient,
  name: string,
  { now, json }: { now?: boolean; json?: boolean },
): Promise<void> {
  const path = `nodes/${encodeURIComponent(name)}`;
  if (now) await client.write(`update ${name}`, 'POST', `${path}/update-now`, {});
  const { update } = await client.read<{ update: NodeUpdate }>(`read the versions of ${name}`, path);
  const { updates } = await client.read<{ updates: PastUpdate[] }>(`read the updates of ${name}`, `${path}/updates`);
  io.stdout.write(json ? `${jsonText({ ...update, updates })}\n` : updateText(update, updates));
}

/** What it runs and waits for, then its history; pure. */
export function updateText(update: NodeUpdate, updates: readonly PastUpdate[]): string {
  const { nextWindow } = update;
  const facts = [
    ['version', `${update.version} (${update.state}${update.startedAtUtc ? ` since ${update.startedAtUtc}` : ''})`],
    ['ring', ringText(update.ring)],
    ...(nextWindow ? [['window', `${nextWindow.fromUtc} to ${nextWindow.toUtc}`]] : []),
    ...(update.waitingVersion === null ? [] : [['waiting', update.waitingVersion]]),
    ...(update.failedVersion === null ? [] : [['failed', `${update.failedVersion}: ${update.error}`]]),
  ];
  if (updates.length === 0) return alignedTable(facts);
  const rows = updates.map((one) => [
    ...[one.startedAtUtc, one.fromVersion, one.version, one.by === '' ? one.reason : `${one.reason} by ${one.by}`],
    one.error === null ? one.state : `${one.state}: ${one.error}`,
  ]);
  return `${alignedTable(facts)}\n${alignedTable([['STARTED', 'FROM', 'TO', 'REASON', 'OUTCOME'], ...rows])}`;
}

function ringText({ ring, week, weekday = 0, from, to, timeZone }: NodeUpdate['ring']): string {
  return ring === 'fast' ? ring : `${ring}: week ${week}, ${WEEKDAYS[weekday - 1]}, ${from}-${to} ${timeZone}`;
}

// `audit`: who changed what at the cloud.

import type { Io } from '../io.ts';
import { jsonText, plainLines } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';
import type { JsonOption } from './people.ts';

/** Largest page asked for at once. */
const PAGE_ROWS_MAX = 1000;

interface AuditEntry {
  seq: number;
  atUtc: string;
  actor: string;
  credential: string;
  address: string;
  action: string;
  object: string;
  outcome: string;
  status: number;
  changes: { path: string; before?: unknown; after?: unknown }[];
}

export interface AuditOptions extends JsonOption {
  actor?: string;
  action?: string;
  object?: string;
  outcome?: string;
  since?: Date;
  until?: Date;
  limit: number;
}

/** The newest last, as in a log. */
export async function audit(io: Io, client: CloudClient, o: AuditOptions): Promise<void> {
  const entries: AuditEntry[] = [];
  let before: number | undefined;
  while (entries.length < o.limit) {
    const page = await client.read<{ entries: AuditEntry[]; next: number | null }>('read the audit log', 'audit', {
      ...{ actor: o.actor, action: o.action, object: o.object, outcome: o.outcome, before },
      ...{ from: o.since?.toISOString(), to: o.until?.toISOString() },
      limit: Math.min(o.limit - entries.length, PAGE_ROWS_MAX),
    });
    entries.push(...page.entries);
    if (page.next === null) break;
    before = page.next;
  }
  entries.reverse();
  if (o.json) {
    for (const entry of entries) io.stdout.write(`${jsonText(entry)}\n`);
    return;
  }
  for (const entry of entries) io.stdout.write(plainLines(auditText(entry)));
}

function auditText(entry: AuditEntry): string {
  const how = entry.outcome === 'done' ? '' : ` ${entry.outcome} (${entry.status})`;
  const who = `${entry.actor || '-'} (${entry.credential}${entry.address ? `, ${entry.address}` : ''})`;
  const changes = entry.changes.map(
    (change) => `    ${change.path}: ${shown(change.before)} -> ${shown(change.after)}\n`,
  );
  return `${entry.atUtc} ${who} ${entry.action} ${entry.object}${how}\n${changes.join('')}`;
}

function shown(value: unknown): string {
  return value === undefined ? '-' : JSON.stringify(value);
}

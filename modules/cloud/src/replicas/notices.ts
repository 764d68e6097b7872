// Notices on the wire: a NOTIFY of PostgreSQL carries ids by topic, below its 8000 bytes, from whom, and nothing else.

import { sql } from 'kysely';
import { engineOf } from '../store/engine.ts';
import type { Db } from '../store/tables.ts';
import type { Topic } from './replicas.ts';

export const NOTICE_CHANNEL = 'wayside';
/** PostgreSQL takes 7999 bytes; the rest is the frame. */
const PAYLOAD_BYTES_MAX = 7_500;
/** Sender of a notice that is part of a transaction: it is for every replica, the sender's own among them. */
export const TRANSACTION = 0;

export interface Notice {
  from: number;
  topic: Topic;
  ids: string[];
}

/** Payloads for all ids, as few as fit. */
export function noticePayloads(from: number, topic: Topic, ids: Iterable<string>): string[] {
  const payloads: string[] = [];
  let part: string[] = [];
  let bytes = 0;
  const flush = () => {
    if (part.length > 0) payloads.push(JSON.stringify({ from, topic, ids: part } satisfies Notice));
    part = [];
    bytes = 0;
  };
  for (const id of ids) {
    const size = Buffer.byteLength(JSON.stringify(id)) + 1;
    if (bytes + size > PAYLOAD_BYTES_MAX) flush();
    part.push(id);
    bytes += size;
  }
  flush();
  return payloads;
}

/** undefined for what is no notice of ours. */
export function readNotice(payload: string): Notice | undefined {
  try {
    const { from, topic, ids } = JSON.parse(payload) as Partial<Notice>;
    if (typeof from !== 'number' || typeof topic !== 'string' || !Array.isArray(ids)) return undefined;
    return { from, topic, ids: ids.filter((id) => typeof id === 'string') };
  } catch {
    return undefined;
  }
}

/** Sent with the commit of the caller's transaction or not at all; nothing over SQLite, where this process is the only one. */
export async function noticeWithCommit(trx: Db, topic: Topic, ids: readonly string[]): Promise<void> {
  if (engineOf(trx) === 'sqlite') return;
  for (const payload of noticePayloads(TRANSACTION, topic, ids)) await sendNotice(trx, payload);
}

export async function sendNotice(db: Db, payload: string): Promise<void> {
  await sql`select pg_notify(${NOTICE_CHANNEL}, ${payload})`.execute(db);
}

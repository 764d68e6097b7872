// Feedback: what became of messages whose senders asked, kept until a back end takes it.

import { sql } from 'kysely';
import type { C2dDb } from './tables.ts';

/** Records of one feedback message (IoT Hub: 64). */
export const FEEDBACK_RECORDS_MAX = 64;
/** Records that nobody fetched go after an hour (IoT Hub's default), and the oldest when there are too many. */
const FEEDBACK_KEPT_MS = 3_600_000;
const FEEDBACK_ROWS_MAX = 100_000;

export type FeedbackStatus = 'Success' | 'Expired' | 'DeliveryCountExceeded' | 'Rejected' | 'Purged';

/** A record as the SDKs read it. */
export interface FeedbackRecord {
  originalMessageId: string;
  /** When the message came to this end. */
  enqueuedTimeUtc: string;
  statusCode: FeedbackStatus;
  description: FeedbackStatus;
  deviceId: string;
  deviceGenerationId: string;
}

export interface LockedFeedback {
  lockToken: string;
  records: FeedbackRecord[];
  /** Of the oldest record. */
  createdAtMs: number;
}

export async function insertFeedback(db: C2dDb, records: readonly FeedbackRecord[], nowMs: number): Promise<void> {
  if (records.length === 0) return;
  await db
    .insertInto('c2d_feedback')
    .values(
      records.map((record) => ({
        record: JSON.stringify(record),
        created_ms: nowMs,
        lock_token: null,
        locked_until_ms: 0,
      })),
    )
    .execute();
}

/** The oldest records that nobody holds, locked under `lockToken`; undefined when there are none. */
export async function lockFeedback(
  db: C2dDb,
  lockToken: string,
  at: { nowMs: number; lockedUntilMs: number },
): Promise<LockedFeedback | undefined> {
  const free = db
    .selectFrom('c2d_feedback')
    .select('seq')
    .where('locked_until_ms', '<=', at.nowMs)
    .orderBy('seq')
    .limit(FEEDBACK_RECORDS_MAX);
  const rows = await db
    .updateTable('c2d_feedback')
    .set({ lock_token: lockToken, locked_until_ms: at.lockedUntilMs })
    .where('seq', 'in', free)
    .where('locked_until_ms', '<=', at.nowMs)
    .returning(['seq', 'record', 'created_ms'])
    .execute();
  if (rows.length === 0) return undefined;
  rows.sort((a, b) => a.seq - b.seq);
  return {
    lockToken,
    records: rows.map((row) => JSON.parse(row.record) as FeedbackRecord),
    createdAtMs: Number(rows[0]!.created_ms),
  };
}

export async function completeFeedback(db: C2dDb, lockToken: string): Promise<void> {
  await db.deleteFrom('c2d_feedback').where('lock_token', '=', lockToken).execute();
}

/** Gives records back to whoever asks next. */
export async function releaseFeedback(db: C2dDb, lockToken: string): Promise<void> {
  await db
    .updateTable('c2d_feedback')
    .set({ lock_token: null, locked_until_ms: 0 })
    .where('lock_token', '=', lockToken)
    .execute();
}

export async function pruneFeedback(db: C2dDb, nowMs: number): Promise<void> {
  await db
    .deleteFrom('c2d_feedback')
    .where('created_ms', '<', nowMs - FEEDBACK_KEPT_MS)
    .execute();
  await sql`delete from c2d_feedback where seq <= (select max(seq) from c2d_feedback) - ${FEEDBACK_ROWS_MAX}`.execute(
    db,
  );
}

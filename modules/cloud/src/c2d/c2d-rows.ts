// The queue of each device: a message is enqueued, locked by whoever delivers it, then completed, given back, or ended otherwise. Every end
// takes the row away, counts the queue down and writes the feedback its sender asked for, in one transaction.

import type { MessageProperties } from '@wayside/protocol';
import { type Selectable, sql } from 'kysely';
import { refusal } from '../errors.ts';
import { requireIdentity } from '../identity/identity-rows.ts';
import type { Db } from '../store/tables.ts';
import type { CheckedMessage } from './c2d-message.ts';
import { type FeedbackRecord, type FeedbackStatus, insertFeedback } from './feedback-rows.ts';
import { type Ack, type C2dDb, type C2dMessageTable, c2dTables } from './tables.ts';

/** Messages that wait for one device (IoT Hub: 50). */
export const QUEUE_MESSAGES_MAX = 50;
/** Deliveries that may fail before a message is given up (IoT Hub's default). */
export const DELIVERIES_MAX = 10;
/** Ends of messages in one transaction of the sweep. */
const EXPIRED_PER_STEP = 200;

type MessageRow = Selectable<C2dMessageTable>;

/** A message in the hands of who delivers it. */
export interface LockedMessage {
  deviceId: string;
  sequence: number;
  lockToken: string;
  properties: MessageProperties;
  body: Uint8Array;
  ack: Ack;
  enqueuedAtMs: number;
  expiresAtMs: number;
  /** This delivery included. */
  deliveryCount: number;
}

/** Resolves with its sequence number. CLOUD_DEVICE_NOT_FOUND, CLOUD_C2D_QUEUE_FULL. */
export async function enqueue(trx: Db, message: CheckedMessage, nowMs: number): Promise<number> {
  const db = c2dTables(trx);
  const { deviceId } = message;
  const { generation_id } = await requireIdentity(trx, deviceId);
  const queue = await db
    .insertInto('c2d_queue')
    .values({ device_id: deviceId, module_id: '', waiting: 1, last_sequence: 1 })
    .onConflict((conflict) =>
      conflict
        .column('device_id')
        .doUpdateSet({ waiting: sql`c2d_queue.waiting + 1`, last_sequence: sql`c2d_queue.last_sequence + 1` })
        .where('c2d_queue.waiting', '<', QUEUE_MESSAGES_MAX),
    )
    .returning('last_sequence')
    .executeTakeFirst();
  if (!queue) {
    throw refusal(
      'CLOUD_C2D_QUEUE_FULL',
      `Cannot send a message to "${deviceId}": ${QUEUE_MESSAGES_MAX} messages wait for it, no more may`,
    );
  }
  await db
    .insertInto('c2d_message')
    .values({
      ...{ device_id: deviceId, sequence: queue.last_sequence, generation_id },
      system: JSON.stringify(message.properties.system),
      app: JSON.stringify(message.properties.app),
      body: message.body,
      ack: message.ack,
      enqueued_ms: nowMs,
      expires_ms: message.expiresAtMs,
      delivery_count: 0,
      lock_token: null,
      locked_until_ms: 0,
    })
    .execute();
  return Number(queue.last_sequence);
}

/** The oldest messages that nobody holds, each under a token of `newToken`. */
export async function lockMessages(
  db: C2dDb,
  deviceId: string,
  at: { nowMs: number; lockedUntilMs: number },
  messagesMax: number,
  newToken: () => string,
): Promise<LockedMessage[]> {
  const free = await db
    .selectFrom('c2d_message')
    .select('sequence')
    .where('device_id', '=', deviceId)
    .where('locked_until_ms', '<=', at.nowMs)
    .where('expires_ms', '>', at.nowMs)
    .where('delivery_count', '<', DELIVERIES_MAX)
    .orderBy('sequence')
    .limit(messagesMax)
    .execute();
  const locked: LockedMessage[] = [];
  for (const { sequence } of free) {
    const row = await db
      .updateTable('c2d_message')
      .set({
        lock_token: newToken(),
        locked_until_ms: at.lockedUntilMs,
        delivery_count: sql`delivery_count + 1`,
      })
      .where('device_id', '=', deviceId)
      .where('sequence', '=', sequence)
      .where('locked_until_ms', '<=', at.nowMs)
      .returningAll()
      .executeTakeFirst();
    if (row) locked.push(toLocked(row));
  }
  return locked;
}

/** Ends a message that its holder was done with: Success or Rejected. Throws CLOUD_C2D_LOCK_LOST. */
export async function endLocked(
  db: C2dDb,
  held: { deviceId: string; lockToken: string },
  status: FeedbackStatus,
  nowMs: number,
): Promise<void> {
  const rows = await db
    .deleteFrom('c2d_message')
    .where('device_id', '=', held.deviceId)
    .where('lock_token', '=', held.lockToken)
    .where('locked_until_ms', '>', nowMs)
    .returningAll()
    .execute();
  if (rows.length === 0) throw lockLost(held);
  await settle(db, rows, status, nowMs);
}

/** Back into the queue, or given up after so many deliveries. Throws CLOUD_C2D_LOCK_LOST. */
export async function giveBack(db: C2dDb, held: { deviceId: string; lockToken: string }, nowMs: number): Promise<void> {
  const row = await db
    .updateTable('c2d_message')
    .set({ lock_token: null, locked_until_ms: 0 })
    .where('device_id', '=', held.deviceId)
    .where('lock_token', '=', held.lockToken)
    .where('locked_until_ms', '>', nowMs)
    .returningAll()
    .executeTakeFirst();
  if (!row) throw lockLost(held);
  if (row.delivery_count < DELIVERIES_MAX) return;
  const gone = await db
    .deleteFrom('c2d_message')
    .where('device_id', '=', row.device_id)
    .where('sequence', '=', row.sequence)
    .returningAll()
    .execute();
  await settle(db, gone, 'DeliveryCountExceeded', nowMs);
}

/** Takes every message of a device away, also those under delivery; resolves with their number. */
export async function purge(db: C2dDb, deviceId: string, nowMs: number): Promise<number> {
  const rows = await db.deleteFrom('c2d_message').where('device_id', '=', deviceId).returningAll().execute();
  await settle(db, rows, 'Purged', nowMs);
  return rows.length;
}

/** Ends what expired, and what was delivered too often by holders that never came back; resolves with their number. */
export async function expire(db: C2dDb, nowMs: number): Promise<number> {
  const ends = [
    ['Expired', sql<boolean>`expires_ms <= ${nowMs} and locked_until_ms <= ${nowMs}`],
    ['DeliveryCountExceeded', sql<boolean>`delivery_count >= ${DELIVERIES_MAX} and locked_until_ms <= ${nowMs}`],
  ] as const;
  let ended = 0;
  for (const [status, condition] of ends) {
    const due = await db
      .selectFrom('c2d_message')
      .select(['device_id', 'sequence'])
      .where(condition)
      .limit(EXPIRED_PER_STEP)
      .execute();
    for (const { device_id, sequence } of due) {
      const rows = await db
        .deleteFrom('c2d_message')
        .where('device_id', '=', device_id)
        .where('sequence', '=', sequence)
        .where('locked_until_ms', '<=', nowMs)
        .returningAll()
        .execute();
      await settle(db, rows, status, nowMs);
      ended += rows.length;
    }
  }
  return ended;
}

/** Messages that wait or are under delivery, by device; devices without any are left out. */
export async function countWaiting(db: C2dDb, deviceIds: readonly string[]): Promise<Map<string, number>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('c2d_queue')
    .select(['device_id', 'waiting'])
    .where('device_id', 'in', [...deviceIds])
    .where('waiting', '>', 0)
    .execute();
  return new Map(rows.map((row) => [row.device_id, row.waiting]));
}

/** Devices with messages, at most `devicesMax` behind `after`. */
export async function devicesWithMessages(db: C2dDb, after: string, devicesMax: number): Promise<string[]> {
  const rows = await db
    .selectFrom('c2d_queue')
    .select('device_id')
    .where('waiting', '>', 0)
    .where('device_id', '>', after)
    .orderBy('device_id')
    .limit(devicesMax)
    .execute();
  return rows.map((row) => row.device_id);
}

/** Counts the queues down and writes the feedback that was asked for. */
async function settle(db: C2dDb, rows: readonly MessageRow[], status: FeedbackStatus, nowMs: number): Promise<void> {
  const [first] = rows;
  if (!first) return;
  await db
    .updateTable('c2d_queue')
    .set({ waiting: sql`waiting - ${rows.length}` })
    .where('device_id', '=', first.device_id)
    .execute();
  const wanted = rows.filter(({ ack }) => ack === 'full' || ack === (status === 'Success' ? 'positive' : 'negative'));
  await insertFeedback(
    db,
    wanted.map((row) => toRecord(row, status, nowMs)),
    nowMs,
  );
}

function toRecord(row: MessageRow, status: FeedbackStatus, nowMs: number): FeedbackRecord {
  const { messageId } = JSON.parse(row.system) as { messageId?: string };
  return {
    originalMessageId: messageId ?? '',
    enqueuedTimeUtc: new Date(nowMs).toISOString(),
    statusCode: status,
    description: status,
    deviceId: row.device_id,
    deviceGenerationId: row.generation_id,
  };
}

function toLocked(row: MessageRow): LockedMessage {
  return {
    deviceId: row.device_id,
    sequence: Number(row.sequence),
    lockToken: row.lock_token ?? '',
    properties: {
      system: JSON.parse(row.system) as MessageProperties['system'],
      app: JSON.parse(row.app) as MessageProperties['app'],
    },
    body: row.body,
    ack: row.ack,
    enqueuedAtMs: Number(row.enqueued_ms),
    expiresAtMs: Number(row.expires_ms),
    deliveryCount: row.delivery_count,
  };
}

function lockLost({ deviceId }: { deviceId: string }): Error {
  return refusal(
    'CLOUD_C2D_LOCK_LOST',
    `Cannot settle a message of "${deviceId}": the lock token is not, or no longer, that of a message`,
  );
}

// Messages in the store: a batch written in one commit, the history read in order, the ring cut.

import { type Selectable, sql } from 'kysely';
import type { TelemetryMessage } from '../platform.ts';
import { shared } from '../store/engine.ts';
import { parallelTransaction } from '../store/postgres-dialect.ts';
import type { Db, LastMessageTable } from '../store/tables.ts';
import { keepWriteOrder, retryConflicts } from '../store/write-order.ts';

export interface NewMessage {
  deviceId: string;
  /** '' = sent by the device itself. */
  moduleId: string;
  enqueuedAtMs: number;
  messageType: string;
  /** JSON text. */
  system: string;
  app: string;
  body: Uint8Array;
  /** Epoch of the sender's connection over all replicas; undefined = it came another way, or there is one replica. */
  fence?: number | undefined;
  /** Body and properties, for limits. */
  bytes: number;
}

/** Rows of one statement: seven values each, far below SQLite's 32766 parameters. */
const STATEMENT_ROWS_MAX = 200;

/**
 * Writes the batch, the newest per kind and the senders' activity in one commit. The answer is in the order of `messages`. One whose
 * sender is no longer in the registry is refused: nothing of it may show up under a device made anew; so is one of an older connection.
 */
export async function writeMessages(db: Db, messages: NewMessage[]): Promise<WrittenMessage[]> {
  return await retryConflicts(() => parallelTransaction(db).execute((trx) => writeBatch(trx, messages)));
}

export type WrittenMessage = TelemetryMessage | 'sender-gone' | 'taken-over';

async function writeBatch(trx: Db, messages: NewMessage[]): Promise<WrittenMessage[]> {
  await keepWriteOrder(trx, 'telemetry');
  const known = await touchSenders(trx, messages);
  const fences = await readFences(trx, messages);
  const refusalOf = (message: NewMessage) => {
    if (!known.has(senderOf(message))) return 'sender-gone';
    const isOld = message.fence !== undefined && fences.get(senderOf(message)) !== message.fence;
    return isOld ? 'taken-over' : undefined;
  };
  const kept = messages.filter((message) => refusalOf(message) === undefined);
  const stored: StoredRow[] = [];
  for (const part of partsOf(kept)) stored.push(...(await insertPart(trx, part)));
  await writeNewest(trx, stored);
  let next = 0;
  return messages.map((message) => refusalOf(message) ?? toMessage(stored[next++]!));
}

type StoredRow = Selectable<LastMessageTable>;

/** Records the senders' activity; the answer is who of them is in the registry. */
async function touchSenders(trx: Db, messages: NewMessage[]): Promise<Set<string>> {
  const newest = new Map(messages.map((message) => [senderOf(message), message]));
  const known = new Set<string>();
  for (const part of partsOf([...newest.values()])) {
    const rows = part.map(
      (message) =>
        sql`(cast(${message.deviceId} as text), cast(${message.moduleId} as text), cast(${message.enqueuedAtMs} as bigint))`,
    );
    const touched = await sql<{ device_id: string; module_id: string }>`
      with sender (device_id, module_id, at_ms) as (values ${sql.join(rows)})
      update identity set last_activity_ms = sender.at_ms from sender
      where identity.device_id = sender.device_id and identity.module_id = sender.module_id
      returning identity.device_id, identity.module_id`.execute(trx);
    for (const row of touched.rows) known.add(senderOf({ deviceId: row.device_id, moduleId: row.module_id }));
  }
  return known;
}

/** Epochs of the senders' newest connections; until the commit nobody can claim a newer one. */
async function readFences(trx: Db, messages: NewMessage[]): Promise<Map<string, number>> {
  const fenced = messages.filter((message) => message.fence !== undefined);
  const fences = new Map<string, number>();
  for (const part of partsOf([...new Set(fenced.map((message) => message.deviceId))].sort())) {
    const query = trx
      .selectFrom('connection')
      .select(['device_id', 'module_id', 'epoch'])
      .where('device_id', 'in', part)
      .orderBy('device_id')
      .orderBy('module_id');
    for (const row of await shared(trx, query).execute()) {
      fences.set(senderOf({ deviceId: row.device_id, moduleId: row.module_id }), row.epoch);
    }
  }
  return fences;
}

async function insertPart(trx: Db, messages: NewMessage[]): Promise<StoredRow[]> {
  const rows = messages.map((message) => ({
    device_id: message.deviceId,
    module_id: message.moduleId,
    enqueued_ms: message.enqueuedAtMs,
    message_type: message.messageType,
    system: message.system,
    app: message.app,
    body: message.body,
  }));
  const inserted = await trx.insertInto('telemetry').values(rows).returning('seq').execute();
  // One INSERT numbers its rows in their order; in which order it returns them is nowhere promised.
  const seqs = inserted.map((row) => row.seq).sort((a, b) => a - b);
  return rows.map((row, index) => ({ ...row, seq: seqs[index]! }));
}

async function writeNewest(trx: Db, stored: StoredRow[]): Promise<void> {
  const newest = new Map(stored.map((row) => [JSON.stringify([row.device_id, row.module_id, row.message_type]), row]));
  for (const part of partsOf([...newest.values()])) {
    await trx
      .insertInto('last_message')
      .values(part)
      .onConflict((conflict) =>
        conflict.columns(['device_id', 'module_id', 'message_type']).doUpdateSet((of) => ({
          seq: of.ref('excluded.seq'),
          enqueued_ms: of.ref('excluded.enqueued_ms'),
          system: of.ref('excluded.system'),
          app: of.ref('excluded.app'),
          body: of.ref('excluded.body'),
        })),
      )
      .execute();
  }
}

function* partsOf<T>(rows: T[]): Generator<T[]> {
  for (let from = 0; from < rows.length; from += STATEMENT_ROWS_MAX) yield rows.slice(from, from + STATEMENT_ROWS_MAX);
}

function senderOf(message: { deviceId: string; moduleId: string }): string {
  return JSON.stringify([message.deviceId, message.moduleId]);
}

/** Bodies and properties in one page: a thousand messages of the largest size would be 256 MB. */
const PAGE_BYTES_MAX = 16 * 1024 * 1024;

export interface HistoryFilter {
  moduleId?: string;
  afterSeq?: number;
  sinceMs?: number;
  limit: number;
  /** Default PAGE_BYTES_MAX. The first message is given whatever its size. */
  bytesMax?: number;
}

/** In order of seq. Without a lower bound the newest `limit`, else the oldest that fit; a page may end earlier, at its bytes. */
export async function readHistory(db: Db, deviceId: string, filter: HistoryFilter): Promise<TelemetryMessage[]> {
  const seqs = await pageSeqs(db, deviceId, filter);
  if (seqs.length === 0) return [];
  const [first, last] = [Math.min(...seqs), Math.max(...seqs)];
  let query = db.selectFrom('telemetry').selectAll().where('device_id', '=', deviceId);
  if (filter.moduleId !== undefined) query = query.where('module_id', '=', filter.moduleId);
  if (filter.sinceMs !== undefined) query = query.where('enqueued_ms', '>=', filter.sinceMs);
  const rows = await query.where('seq', '>=', first).where('seq', '<=', last).orderBy('seq').execute();
  return rows.map(toMessage);
}

/** Which messages make the page, from their lengths alone. */
async function pageSeqs(db: Db, deviceId: string, filter: HistoryFilter): Promise<number[]> {
  let query = db
    .selectFrom('telemetry')
    .select(['seq', sql<number>`length(body) + length(app) + length(system)`.as('bytes')])
    .where('device_id', '=', deviceId)
    .limit(filter.limit);
  if (filter.moduleId !== undefined) query = query.where('module_id', '=', filter.moduleId);
  if (filter.afterSeq !== undefined) query = query.where('seq', '>', filter.afterSeq);
  if (filter.sinceMs !== undefined) query = query.where('enqueued_ms', '>=', filter.sinceMs);
  const newestFirst = filter.afterSeq === undefined && filter.sinceMs === undefined;
  const rows = await query.orderBy('seq', newestFirst ? 'desc' : 'asc').execute();
  const bytesMax = filter.bytesMax ?? PAGE_BYTES_MAX;
  let bytes = 0;
  const end = rows.findIndex((row, index) => {
    bytes += row.bytes;
    return index > 0 && bytes > bytesMax;
  });
  return (end < 0 ? rows : rows.slice(0, end)).map((row) => row.seq);
}

export async function readNewest(
  db: Db,
  deviceId: string,
  moduleId: string,
  messageType: string,
): Promise<TelemetryMessage | undefined> {
  const row = await db
    .selectFrom('last_message')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('module_id', '=', moduleId)
    .where('message_type', '=', messageType)
    .executeTakeFirst();
  return row && toMessage(row);
}

/** Keeps the newest `keep` messages of a device; removes at most `step` and returns how many. */
export async function cutByCount(db: Db, deviceId: string, keep: number, step: number): Promise<number> {
  const bound = await db
    .selectFrom('telemetry')
    .select('seq')
    .where('device_id', '=', deviceId)
    .orderBy('seq', 'desc')
    .offset(keep)
    .limit(1)
    .executeTakeFirst();
  if (!bound) return 0;
  return await deleteSome(db, (query) =>
    query.where('device_id', '=', deviceId).where('seq', '<=', bound.seq).orderBy('seq').limit(step),
  );
}

/** Removes at most `step` messages that came before `beforeMs`, oldest first. */
export async function cutByAge(db: Db, beforeMs: number, step: number): Promise<number> {
  // Ordered by the indexed time, not by seq: a sweep that finds nothing old must not walk the whole table.
  return await deleteSome(db, (query) => query.where('enqueued_ms', '<', beforeMs).orderBy('enqueued_ms').limit(step));
}

/** Of each sender of the device, keeps the newest message of the `keep` types that came last: a type is the sender's free text. */
export async function cutTypes(db: Db, deviceId: string, keep: number): Promise<void> {
  const places = db
    .selectFrom('last_message')
    .select((of) => [
      ...(['module_id', 'message_type'] as const),
      of.fn
        .agg<number>('row_number')
        .over((over) => over.partitionBy('module_id').orderBy('seq', 'desc'))
        .as('place'),
    ])
    .where('device_id', '=', deviceId);
  const extra = await db
    .selectFrom(places.as('placed'))
    .select(['module_id', 'message_type'])
    .where('place', '>', keep)
    .execute();
  for (const { module_id, message_type } of extra) {
    await db
      .deleteFrom('last_message')
      .where('device_id', '=', deviceId)
      .where('module_id', '=', module_id)
      .where('message_type', '=', message_type)
      .execute();
  }
}

type SeqQuery = ReturnType<typeof selectSeq>;

function selectSeq(db: Db) {
  return db.selectFrom('telemetry').select('seq');
}

async function deleteSome(db: Db, which: (query: SeqQuery) => SeqQuery): Promise<number> {
  const result = await db
    .deleteFrom('telemetry')
    .where('seq', 'in', which(selectSeq(db)))
    .executeTakeFirstOrThrow();
  return Number(result.numDeletedRows);
}

function toMessage(row: Selectable<LastMessageTable>): TelemetryMessage {
  return {
    seq: row.seq,
    deviceId: row.device_id,
    ...(row.module_id === '' ? {} : { moduleId: row.module_id }),
    enqueuedAtMs: row.enqueued_ms,
    messageType: row.message_type,
    systemProperties: JSON.parse(row.system) as { [name: string]: string },
    properties: JSON.parse(row.app) as { [name: string]: string },
    body: row.body,
  };
}

// Messages in the store: a batch written in one commit, the history read in order, the ring cut.

import type { Selectable } from 'kysely';
import type { TelemetryMessage } from '../platform.ts';
import type { Db, LastMessageTable } from '../store/tables.ts';

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
  /** Body and properties, for limits. */
  bytes: number;
}

/** Rows of one INSERT: seven values each, far below SQLite's 32766 parameters. */
const INSERT_ROWS_MAX = 200;

/** Writes the batch, the newest per kind and the senders' activity in one commit; the answer is in the order of `messages`. */
export async function writeMessages(db: Db, messages: NewMessage[]): Promise<TelemetryMessage[]> {
  const rows = messages.map((message) => ({
    device_id: message.deviceId,
    module_id: message.moduleId,
    enqueued_ms: message.enqueuedAtMs,
    message_type: message.messageType,
    system: message.system,
    app: message.app,
    body: message.body,
  }));
  return await db.transaction().execute(async (trx) => {
    const stored: ((typeof rows)[number] & { seq: number })[] = [];
    for (let from = 0; from < rows.length; from += INSERT_ROWS_MAX) {
      const part = rows.slice(from, from + INSERT_ROWS_MAX);
      const result = await trx.insertInto('telemetry').values(part).executeTakeFirstOrThrow();
      // One INSERT numbers its rows one after the other (AUTOINCREMENT, one writer); its id is that of the last row.
      const lastSeq = Number(result.insertId);
      for (const [index, row] of part.entries()) stored.push({ ...row, seq: lastSeq - part.length + 1 + index });
    }
    await writeNewest(trx, stored);
    return stored.map(toMessage);
  });
}

async function writeNewest(trx: Db, stored: Selectable<LastMessageTable>[]): Promise<void> {
  const newest = new Map(stored.map((row) => [JSON.stringify([row.device_id, row.module_id, row.message_type]), row]));
  const active = new Map(stored.map((row) => [JSON.stringify([row.device_id, row.module_id]), row]));
  for (const row of newest.values()) {
    const { seq, enqueued_ms, system, app, body } = row;
    await trx
      .insertInto('last_message')
      .values(row)
      .onConflict((conflict) =>
        conflict
          .columns(['device_id', 'module_id', 'message_type'])
          .doUpdateSet({ seq, enqueued_ms, system, app, body }),
      )
      .execute();
  }
  for (const row of active.values()) {
    await trx
      .updateTable('identity')
      .set({ last_activity_ms: row.enqueued_ms })
      .where('device_id', '=', row.device_id)
      .where('module_id', '=', row.module_id)
      .execute();
  }
}

export interface HistoryFilter {
  moduleId?: string;
  afterSeq?: number;
  sinceMs?: number;
  limit: number;
}

/** In order of seq. Without a lower bound the newest `limit`, else the oldest that fit. */
export async function readHistory(db: Db, deviceId: string, filter: HistoryFilter): Promise<TelemetryMessage[]> {
  let query = db.selectFrom('telemetry').selectAll().where('device_id', '=', deviceId).limit(filter.limit);
  if (filter.moduleId !== undefined) query = query.where('module_id', '=', filter.moduleId);
  if (filter.afterSeq !== undefined) query = query.where('seq', '>', filter.afterSeq);
  if (filter.sinceMs !== undefined) query = query.where('enqueued_ms', '>=', filter.sinceMs);
  const newestFirst = filter.afterSeq === undefined && filter.sinceMs === undefined;
  const rows = await query.orderBy('seq', newestFirst ? 'desc' : 'asc').execute();
  return (newestFirst ? rows.reverse() : rows).map(toMessage);
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

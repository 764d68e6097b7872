// Which devices are to be evaluated: written with the change that made them due, so that no crash forgets it; claimed by one replica at a time.
//
// INVARIANTS
// - A change of tags, identities or configurations and the row that makes it due are one commit.
// - A row leaves with the commit of its evaluation, and only if nothing made it due again meanwhile (ticket).
// - A claim ends by itself: what a killed replica had claimed is taken by another.
// - A round over all devices goes once around from where it stands, however often it is asked for: none is passed over for ever.

import type { Actor } from '../platform.ts';
import { engineOf } from '../store/engine.ts';
import type { Db } from '../store/tables.ts';

/** A replica that does not finish within this time has lost its claim; a batch takes a fraction of a second. */
export const CLAIM_MS = 20_000;
/** Devices that a round makes due at once; it waits while as many are due, so that events of others are not kept waiting. */
export const ROUND_STEP_DEVICES = 200;
/** Rows of one insert. */
const INSERT_ROWS_MAX = 200;
const FLEET = 'fleet';

/** Who made a device due, and when. */
export interface Cause {
  by: Actor;
  atMs: number;
}

export interface DueDevice {
  deviceId: string;
  ticket: number;
  cause: Cause;
}

/** Call it in the transaction of the change. */
export async function markDue(db: Db, deviceIds: readonly string[], by: Actor, nowMs: number): Promise<void> {
  for (let from = 0; from < deviceIds.length; from += INSERT_ROWS_MAX) {
    await db
      .insertInto('evaluation_due')
      .values(deviceIds.slice(from, from + INSERT_ROWS_MAX).map((deviceId) => dueRow(deviceId, by, nowMs)))
      .onConflict((conflict) =>
        conflict.column('device_id').doUpdateSet((of) => ({
          ticket: of('evaluation_due.ticket', '+', 1),
          by_whom: of.ref('excluded.by_whom'),
        })),
      )
      .execute();
  }
}

/** The oldest due devices, for this replica alone until the claim ends. */
export async function claimDue(db: Db, devicesMax: number, nowMs: number): Promise<DueDevice[]> {
  const rows = await db
    .updateTable('evaluation_due')
    .set({ claimed_until_ms: nowMs + CLAIM_MS })
    // Asked again here: on PostgreSQL another replica may have claimed the row since the list was made.
    .where('claimed_until_ms', '<=', nowMs)
    .where('device_id', 'in', (of) =>
      of
        .selectFrom('evaluation_due')
        .select('device_id')
        .where('claimed_until_ms', '<=', nowMs)
        .orderBy('due_ms')
        .orderBy('device_id')
        .limit(devicesMax),
    )
    .returning(['device_id', 'ticket', 'by_whom', 'due_ms'])
    .execute();
  return rows
    .map((row) => ({ deviceId: row.device_id, ticket: row.ticket, cause: { by: row.by_whom, atMs: row.due_ms } }))
    .sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
}

/** In the transaction of the evaluation: takes the row away, or gives it free when it became due again or is to be looked at once more. */
export async function settleDue(db: Db, { deviceId, ticket }: DueDevice, again: boolean): Promise<void> {
  if (!again) {
    const { numDeletedRows } = await db
      .deleteFrom('evaluation_due')
      .where('device_id', '=', deviceId)
      .where('ticket', '=', ticket)
      .executeTakeFirstOrThrow();
    if (numDeletedRows > 0n) return;
  }
  await releaseDue(db, deviceId, 0);
}

/** Nobody takes it before `untilMs`. */
export async function releaseDue(db: Db, deviceId: string, untilMs: number): Promise<void> {
  await db.updateTable('evaluation_due').set({ claimed_until_ms: untilMs }).where('device_id', '=', deviceId).execute();
}

/** At a start on a store of one process: what is claimed was claimed by one that is gone. */
export async function releaseClaims(db: Db): Promise<void> {
  if (engineOf(db) === 'sqlite') await db.updateTable('evaluation_due').set({ claimed_until_ms: 0 }).execute();
}

export async function countDue(db: Db): Promise<number> {
  const { due } = await db
    .selectFrom('evaluation_due')
    .select((of) => of.fn.countAll<number>().as('due'))
    .executeTakeFirstOrThrow();
  return Number(due);
}

/** A round over all devices, asked for by a change of configurations: call it in the transaction of that change. */
export async function requestRound(db: Db, by: Actor, nowMs: number): Promise<void> {
  await db
    .insertInto('evaluation_sweep')
    .values({
      ...{ name: FLEET, is_active: 1, done_to: '', ends_after: '', has_wrapped: 0 },
      ...{ by_whom: by, started_ms: nowMs, wants_metrics: 0 },
    })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet((of) => ({
        is_active: 1,
        ends_after: of.ref('evaluation_sweep.done_to'),
        has_wrapped: 0,
        by_whom: by,
        started_ms: nowMs,
      })),
    )
    .execute();
}

/** Asks for a round when the last one began `intervalMs` ago; one of several replicas does. */
export async function requestDueRound(db: Db, intervalMs: number, nowMs: number): Promise<void> {
  const row = await db.selectFrom('evaluation_sweep').select('started_ms').where('name', '=', FLEET).executeTakeFirst();
  if (!row || row.started_ms <= nowMs - intervalMs) await requestRound(db, '', nowMs);
}

/** One step of the round: makes the next devices due. false = there is no round, or enough is due already. */
export async function stepRound(db: Db, nowMs: number): Promise<boolean> {
  const asked = await db
    .selectFrom('evaluation_sweep')
    .select('is_active')
    .where('name', '=', FLEET)
    .executeTakeFirst();
  if (asked?.is_active !== 1 || (await countDue(db)) >= ROUND_STEP_DEVICES) return false;
  return db.transaction().execute(async (trx) => {
    // Writing first holds the row: two replicas take two different steps.
    const round = await trx
      .updateTable('evaluation_sweep')
      .set({ name: FLEET })
      .where('name', '=', FLEET)
      .where('is_active', '=', 1)
      .returningAll()
      .executeTakeFirst();
    if (!round) return false;
    let query = trx
      .selectFrom('identity')
      .select('device_id')
      .where('module_id', '=', '')
      .where('device_id', '>', round.done_to);
    if (round.has_wrapped === 1) query = query.where('device_id', '<=', round.ends_after);
    const rows = await query.orderBy('device_id').limit(ROUND_STEP_DEVICES).execute();
    const deviceIds = rows.map((row) => row.device_id);
    if (deviceIds.length > 0) {
      await trx
        .insertInto('evaluation_due')
        .values(deviceIds.map((deviceId) => dueRow(deviceId, round.by_whom, nowMs)))
        .onConflict((conflict) => {
          const known = conflict.column('device_id');
          // The later cause is the one that the history names.
          return round.by_whom === '' ? known.doNothing() : known.doUpdateSet({ by_whom: round.by_whom });
        })
        .execute();
    }
    const isAtEnd = deviceIds.length < ROUND_STEP_DEVICES;
    const isOver = isAtEnd && (round.has_wrapped === 1 || round.ends_after === '');
    await trx
      .updateTable('evaluation_sweep')
      .set({
        done_to: isAtEnd ? '' : (deviceIds.at(-1) ?? ''),
        has_wrapped: isAtEnd && !isOver ? 1 : round.has_wrapped,
        ...(isOver ? { is_active: 0, ends_after: '', has_wrapped: 0, wants_metrics: 1 } : {}),
      })
      .where('name', '=', FLEET)
      .execute();
    return true;
  });
}

/** true for the one replica that is to ask the custom metrics after a round. */
export async function takeMetricsTurn(db: Db): Promise<boolean> {
  const taken = await db
    .updateTable('evaluation_sweep')
    .set({ wants_metrics: 0 })
    .where('name', '=', FLEET)
    .where('wants_metrics', '=', 1)
    .where('is_active', '=', 0)
    .returning('name')
    .executeTakeFirst();
  return taken !== undefined;
}

function dueRow(deviceId: string, by: Actor, nowMs: number) {
  return { device_id: deviceId, ticket: 1, due_ms: nowMs, by_whom: by, claimed_until_ms: 0 };
}

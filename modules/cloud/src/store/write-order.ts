// Keeps the order of a sequence the order of its commits, and runs a transaction again that lost against another.

import { sql } from 'kysely';
import { engineOf } from './engine.ts';
import type { Db } from './tables.ts';

/** Tables with a seq that readers hold as their place, each with its advisory lock. */
const ORDER_LOCKS = { telemetry: 0x57_4f_00_01, node_event: 0x57_4f_00_02 } as const;
export type OrderedTable = keyof typeof ORDER_LOCKS;

/** Runs of a transaction that PostgreSQL ended for a deadlock or a conflict. */
const CONFLICT_RUNS_MAX = 5;
/** SQLSTATE serialization_failure and deadlock_detected. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01']);

/**
 * Until the end of the transaction no other one writes to this table: a reader that holds a seq as its place would otherwise miss a row
 * with a lower seq that was committed later. Call it before the first INSERT. SQLite has one writer anyway.
 */
export async function keepWriteOrder(trx: Db, table: OrderedTable): Promise<void> {
  if (engineOf(trx) === 'sqlite') return;
  await sql`select pg_advisory_xact_lock(${sql.lit(ORDER_LOCKS[table])})`.execute(trx);
}

/** `run` may be called again: nothing outside of its transaction may depend on how often. */
export async function retryConflicts<T>(run: () => Promise<T>): Promise<T> {
  for (let left = CONFLICT_RUNS_MAX - 1; ; left -= 1) {
    try {
      return await run();
    } catch (error) {
      if (left <= 0 || !isConflict(error)) throw error;
    }
  }
}

export function isConflict(error: unknown): boolean {
  return CONFLICTS.has((error as { code?: unknown } | null)?.code);
}

/** Did the database refuse a statement, so that its transaction is at an end? */
export function isStatementError(error: unknown): boolean {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined;
}

// Which database an open store stands on, for the few statements that only one of them needs.

import { PostgresAdapter } from 'kysely';
import type { Db } from './tables.ts';

export type StoreEngine = 'sqlite' | 'postgres';

/** Also of a transaction on it. */
export function engineOf(db: Pick<Db, 'getExecutor'>): StoreEngine {
  return db.getExecutor().adapter instanceof PostgresAdapter ? 'postgres' : 'sqlite';
}

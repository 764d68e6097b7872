// Which database an open store stands on, for the few statements that only one of them needs.

import { PostgresAdapter } from 'kysely';
import type { Db } from './tables.ts';

export type StoreEngine = 'sqlite' | 'postgres';

/** Also of a transaction on it. */
export function engineOf(db: Pick<Db, 'getExecutor'>): StoreEngine {
  return db.getExecutor().adapter instanceof PostgresAdapter ? 'postgres' : 'sqlite';
}

/** Locks the rows that the query reads until the transaction ends; on SQLite a writing transaction has them all. */
export function held<Q extends { forUpdate(): Q }>(trx: Pick<Db, 'getExecutor'>, query: Q): Q {
  return engineOf(trx) === 'postgres' ? query.forUpdate() : query;
}

/** Keeps the rows as they are until the transaction ends; others may do the same. */
export function shared<Q extends { forShare(): Q }>(trx: Pick<Db, 'getExecutor'>, query: Q): Q {
  return engineOf(trx) === 'postgres' ? query.forShare() : query;
}

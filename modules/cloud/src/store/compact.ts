// Overwrites what was deleted or replaced: SQLite leaves old content in free pages and in its log until they are used again.

import { sql } from 'kysely';
import { engineOf } from './engine.ts';
import type { Db } from './tables.ts';

/** Rewrites the file of SQLite; on PostgreSQL the server's own vacuum does it in time. */
export async function compactStore(db: Db): Promise<void> {
  if (engineOf(db) !== 'sqlite') return;
  await sql`vacuum`.execute(db);
  await sql`pragma wal_checkpoint(truncate)`.execute(db);
}

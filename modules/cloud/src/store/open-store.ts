// Opens the one database of the cloud and brings its tables up to date.

import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EdgeError } from '@wayside/kit';
import { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { MIGRATIONS } from './migrations.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import type { Database, Db } from './tables.ts';

const BUSY_TIMEOUT_MS = 5_000;

/** Opens (or makes) the file at `path`, ':memory:' for tests. Throws CLOUD_STORE_FAILED and leaves the file as it was. */
export async function openStore(path: string): Promise<Db> {
  const db = new Kysely<Database>({ dialect: sqliteDialect(openFile(path)) });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => MIGRATIONS },
    // Both faces add to the list, so a later name may sort before one that ran.
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (error) {
    await db.destroy();
    throw storeError(`Cannot migrate the database ${path}`, error);
  }
  return db;
}

function openFile(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
    const sqlite = new DatabaseSync(path);
    // It holds keys of devices and policies.
    if (path !== ':memory:') chmodSync(path, 0o600);
    // FULL, not NORMAL: a PUBACK or 200 says the fact survives a power cut. Batches share one sync.
    sqlite.exec(
      `pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma busy_timeout = ${BUSY_TIMEOUT_MS}`,
    );
    return sqlite;
  } catch (cause) {
    throw storeError(`Cannot open the database ${path}`, cause);
  }
}

function storeError(what: string, cause: unknown): EdgeError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new EdgeError('CLOUD_STORE_FAILED', `${what}: ${why}`, { cause, source: 'internal', retry: 'never' });
}

// Opens the one database of the cloud, a file of SQLite or a PostgreSQL server, and brings its tables up to date.

import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EdgeError } from '@wayside/kit';
import { Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { engineOf } from './engine.ts';
import { MIGRATIONS } from './migrations.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import type { Database, Db } from './tables.ts';

const BUSY_TIMEOUT_MS = 5_000;
/** Advisory lock of the replica that migrates ('WAYM'); the others wait for it, then find nothing to do. */
const MIGRATION_LOCK = 0x57_41_59_4d;
const MIGRATION_LOCK_TIMEOUT_MS = 300_000;
const POSTGRES_URL = /^postgres(ql)?:\/\//;

/** A file of SQLite, ':memory:' for tests, or `postgres://user:password@host:port/database`. The URL is a secret. */
export type StoreLocation = string;

/**
 * Opens (or makes) the store. Throws CLOUD_STORE_FAILED and leaves the database as it was. `onIdleError` hears of connections to the
 * server that broke while nobody used them.
 */
export async function openStore(
  location: StoreLocation,
  onIdleError: (error: Error) => void = () => undefined,
): Promise<Db> {
  const isPostgres = isPostgresUrl(location);
  const shown = shownLocation(location);
  const dialect = isPostgres ? postgresDialect(location, onIdleError) : sqliteDialect(openFile(location));
  const db = new Kysely<Database>({ dialect });
  try {
    await migrate(db);
  } catch (error) {
    await db.destroy();
    throw storeError(`Cannot ${isPostgres ? 'open or migrate' : 'migrate'} the database ${shown}`, error);
  }
  return db;
}

export function isPostgresUrl(location: StoreLocation): boolean {
  return POSTGRES_URL.test(location);
}

/** Without user, password and parameters. */
export function shownLocation(location: StoreLocation): string {
  if (!isPostgresUrl(location)) return location;
  const url = URL.parse(location);
  return url ? `${url.protocol}//${url.host}${url.pathname}` : 'postgres://...';
}

async function migrate(db: Db): Promise<void> {
  if (engineOf(db) === 'sqlite') return await runMigrations(db);
  // kysely's own lock lies in a table that two replicas starting at once would both make.
  await db.connection().execute(async (connection) => {
    await sql`select set_config('lock_timeout', ${String(MIGRATION_LOCK_TIMEOUT_MS)}, false)`.execute(connection);
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`.execute(connection);
    try {
      await runMigrations(db);
    } finally {
      await sql`select pg_advisory_unlock(${MIGRATION_LOCK})`.execute(connection);
      await sql`reset lock_timeout`.execute(connection);
    }
  });
}

async function runMigrations(db: Db): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => MIGRATIONS },
    // The faces add to the list, so a later name may sort before one that ran.
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error;
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
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new EdgeError('CLOUD_STORE_FAILED', `${what}: ${why}`, { cause, source: 'internal', retry: 'never' });
}

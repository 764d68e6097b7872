// Opens SQLite databases the same way everywhere: WAL, migrations by user_version, a damaged file set aside and said aloud.

import { chmodSync, existsSync, renameSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describeError, EdgeError } from './edge-error.ts';
import { type Logger, silentLogger } from './logger.ts';

export interface DatabaseOptions {
  /** SQL scripts; number n brings user_version from n to n+1. Never change one that was released. */
  migrations: readonly string[];
  /** `full`: a commit is on disk when it returns; `normal`: may lose the last commits at a power cut, never corrupts. */
  synchronous: 'normal' | 'full';
  /**
   * This connection alone opens the database. The index of the WAL then lies in this process's memory and not in a mapped file:
   * on a disk that fails, touching a mapped page is a SIGBUS that ends the process, where a failed read is only an error.
   */
  exclusive?: boolean;
  /** Larger files are not checked whole at opening, default QUICK_CHECK_BYTES_MAX: they are found out on use. */
  checkedBytesMax?: number;
  logger?: Logger;
  /** Told when a damaged file was set aside. */
  onQuarantine?: (quarantinedPath: string) => void;
}

/** How long a statement waits for another connection's lock. */
const BUSY_TIMEOUT_MS = 5000;
/** Databases hold keys and messages. */
const FILE_MODE = 0o600;
/** Files up to this size are checked whole at opening (about 0.2 s); larger ones are found out on use. */
const QUICK_CHECK_BYTES_MAX = 64 * 1024 * 1024;
/** SQLite result codes: SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGE_CODES: readonly number[] = [11, 26];

/** An open database at the newest migration. `:memory:` works too. */
export function openDatabase(path: string, options: DatabaseOptions): DatabaseSync {
  const logger = options.logger ?? silentLogger;
  try {
    return openChecked(path, options);
  } catch (error) {
    if (!isDamage(error) || path === ':memory:') throw error;
    const aside = quarantine(path);
    logger.error('Database is damaged, it was set aside and a new one is made', {
      code: 'KIT_DATABASE_CORRUPT',
      path,
      aside,
      reason: describeError(error),
    });
    options.onQuarantine?.(aside);
    return openChecked(path, options);
  }
}

function openChecked(path: string, options: DatabaseOptions): DatabaseSync {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  } catch (error) {
    throw new EdgeError('KIT_DATABASE_FAILED', `Cannot open database ${path}`, { cause: error, details: { path } });
  }
  try {
    // Before the WAL is made: it takes its rights from the database.
    if (path !== ':memory:') keepPrivate(path);
    // Before the first access in WAL mode: that one decides where the WAL's index lies.
    if (options.exclusive === true) db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.exec('PRAGMA journal_mode = WAL');
    db.exec(`PRAGMA synchronous = ${options.synchronous === 'full' ? 'FULL' : 'NORMAL'}`);
    db.exec('PRAGMA foreign_keys = ON');
    if (path !== ':memory:' && statSync(path).size <= (options.checkedBytesMax ?? QUICK_CHECK_BYTES_MAX)) {
      quickCheck(db, path);
    }
    migrate(db, path, options.migrations);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function keepPrivate(path: string): void {
  try {
    chmodSync(path, FILE_MODE);
  } catch (error) {
    // Another user's file that we may write, such as on a prepared volume: its rights are that user's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

function quickCheck(db: DatabaseSync, path: string): void {
  const [first] = db.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[];
  if (first?.quick_check !== 'ok') {
    throw new EdgeError('KIT_DATABASE_CORRUPT', `Database ${path} is damaged: ${first?.quick_check ?? 'no answer'}`, {
      details: { path },
    });
  }
}

function migrate(db: DatabaseSync, path: string, migrations: readonly string[]): void {
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
  const found = row.user_version;
  if (found > migrations.length) {
    throw new EdgeError(
      'KIT_DATABASE_NEWER',
      `Cannot open database ${path}: its version is ${found}, wanted at most ${migrations.length}`,
      { details: { path, version: found, versionMax: migrations.length }, source: 'config' },
    );
  }
  for (let version = found; version < migrations.length; version += 1) {
    try {
      transaction(db, () => {
        db.exec(migrations[version] as string);
        db.exec(`PRAGMA user_version = ${version + 1}`);
      });
    } catch (error) {
      if (isDamage(error)) throw error;
      throw new EdgeError('KIT_DATABASE_FAILED', `Cannot bring database ${path} to version ${version + 1}`, {
        cause: error,
        details: { path, version: version + 1 },
      });
    }
  }
}

function isDamage(error: unknown): boolean {
  if (error instanceof EdgeError) return error.code === 'KIT_DATABASE_CORRUPT';
  const code = (error as { errcode?: unknown }).errcode;
  // The low byte is the primary code, the rest says which kind of damage.
  return typeof code === 'number' && DAMAGE_CODES.includes(code & 0xff);
}

/** Renames the file and its WAL companions; answers the new path. */
function quarantine(path: string): string {
  const aside = `${path}.corrupt-${new Date().toISOString().replaceAll(':', '-')}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** Depth of nested transaction() calls a connection; inner ones are savepoints. */
const depths = new WeakMap<DatabaseSync, number>();

/** Runs fn in one transaction: committed when it returns, rolled back when it throws. fn is synchronous: no await may lie inside. */
export function transaction<T>(db: DatabaseSync, fn: () => T): T {
  const depth = depths.get(db) ?? 0;
  const savepoint = `nested_${depth}`;
  db.exec(depth === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${savepoint}`);
  depths.set(db, depth + 1);
  try {
    const result: unknown = fn();
    if (result instanceof Promise) {
      // Its statements would run after the commit; nobody waits for it, so its failure is taken here.
      result.catch(() => undefined);
      throw new TypeError('transaction() takes a synchronous function: it returned a promise');
    }
    db.exec(depth === 0 ? 'COMMIT' : `RELEASE ${savepoint}`);
    return result as T;
  } catch (error) {
    // SQLite ends the transaction by itself on some errors (disk full); a second ROLLBACK would hide the cause.
    if (db.isTransaction) db.exec(depth === 0 ? 'ROLLBACK' : `ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
    throw error;
  } finally {
    depths.set(db, depth);
  }
}

import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openDatabase, transaction } from './sqlite.ts';

let folder: string;
let path: string;
const open: DatabaseSync[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kit-sqlite-'));
  path = join(folder, 'a.db');
});
afterEach(() => {
  for (const db of open.splice(0)) if (db.isOpen) db.close();
  rmSync(folder, { recursive: true });
});

const MIGRATIONS = [
  'CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT',
  "INSERT INTO t VALUES (1, 'one'); INSERT INTO t VALUES (2, 'two')",
];

function opened(migrations: readonly string[] = MIGRATIONS, aside: string[] = []): DatabaseSync {
  const db = openDatabase(path, { migrations, synchronous: 'full', onQuarantine: (p) => aside.push(p) });
  open.push(db);
  return db;
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() as object)[0];
}

function count(db: DatabaseSync): number {
  return (db.prepare('SELECT count(*) AS n FROM t').get() as { n: number }).n;
}

describe('openDatabase()', () => {
  test("database and WAL are their owner's alone, also when they lay open: databases hold keys and messages", () => {
    opened().close();
    chmodSync(path, 0o644);
    opened();
    for (const file of [path, `${path}-wal`]) expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  });

  test('WAL, foreign keys, a busy timeout and the wanted durability', () => {
    const db = opened();
    expect(
      ['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout', 'user_version'].map((p) => pragma(db, p)),
    ).toEqual(['wal', 2, 1, 5000, 2]);
  });

  test('runs only the migrations that are missing', () => {
    opened(MIGRATIONS.slice(0, 1)).close();
    expect(count(opened())).toBe(2);
    opened().close();
    expect(count(opened())).toBe(2);
  });

  test('a failing migration leaves the version before it', () => {
    expect(() => opened([...MIGRATIONS, 'DELETE FROM t; SELECT no_such_function()'])).toThrow('to version 3');
    const db = opened();
    expect([pragma(db, 'user_version'), count(db)]).toEqual([2, 2]);
  });

  test('a newer database is refused', () => {
    opened().close();
    expect(() => opened(MIGRATIONS.slice(0, 1))).toThrow('its version is 2, wanted at most 1');
  });

  test.each([
    [
      'garbage',
      () => writeFileSync(path, 'this is no database, not at all, but it is long enough to be read as one by mistake'),
    ],
    [
      'overwritten pages',
      () => writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 4096), Buffer.alloc(8192, 0xa5)])),
    ],
    ['a cut file', () => truncateSync(path, 5000)],
  ])('a damaged file is set aside and said aloud: %s', (_name, damage) => {
    const filled = opened([...MIGRATIONS, 'CREATE INDEX i ON t (b)']);
    filled.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
    filled.close();
    damage();
    const aside: string[] = [];
    const db = opened(MIGRATIONS, aside);
    expect(count(db)).toBe(2);
    expect(aside).toHaveLength(1);
    expect(readdirSync(folder).some((name) => aside[0]!.endsWith(name))).toBe(true);
  });

  test('a missing folder is an error, not an empty database', () => {
    path = join(folder, 'none', 'a.db');
    expect(() => opened()).toThrow('Cannot open database');
  });

  test('exclusive: nothing of it is mapped into the process, and nobody else opens it', () => {
    const db = openDatabase(path, { migrations: MIGRATIONS, synchronous: 'normal', exclusive: true });
    open.push(db);
    db.prepare("INSERT INTO t VALUES (3, 'three')").run();
    expect(readdirSync(folder)).not.toContain('a.db-shm');
    expect(() => new DatabaseSync(path).prepare('SELECT * FROM t').all()).toThrow('locked');
  });

  test(':memory: works', () => {
    path = ':memory:';
    expect(count(opened())).toBe(2);
  });
});

describe('transaction()', () => {
  const insert = (db: DatabaseSync, a: number) => db.prepare('INSERT INTO t VALUES (?, ?)').run(a, 'x');

  test('commits when fn returns, rolls back when it throws', () => {
    const db = opened();
    expect(transaction(db, () => insert(db, 3).changes)).toBe(1);
    expect(() =>
      transaction(db, () => {
        insert(db, 4);
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(count(db)).toBe(3);
    expect(db.isTransaction).toBe(false);
  });

  test('an inner failure that is caught undoes only the inner part', () => {
    const db = opened();
    transaction(db, () => {
      insert(db, 3);
      expect(() =>
        transaction(db, () => {
          insert(db, 4);
          throw new Error('inner');
        }),
      ).toThrow('inner');
      transaction(db, () => insert(db, 5));
    });
    expect(
      db
        .prepare('SELECT a FROM t')
        .all()
        .map((row) => row.a),
    ).toEqual([1, 2, 3, 5]);
  });

  test('an asynchronous function is refused and rolled back', () => {
    const db = opened();
    expect(() =>
      transaction(db, async () => {
        insert(db, 3);
      }),
    ).toThrow('synchronous');
    expect(count(db)).toBe(2);
  });

  test('is usable after a failure', () => {
    const db = opened();
    expect(() => transaction(db, () => insert(db, 1))).toThrow('UNIQUE');
    transaction(db, () => insert(db, 9));
    expect(count(db)).toBe(3);
  });
});

// The hub's one database: queues, sessions, twins, settings. Deleted space goes back to the file system.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type Logger, openDatabase } from '@wayside/kit';

const MIGRATIONS = [
  `CREATE TABLE message (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     sender TEXT NOT NULL,
     source TEXT NOT NULL,
     properties TEXT NOT NULL,
     body BLOB NOT NULL,
     enqueued_at_ms INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     refs INTEGER NOT NULL
   );
   CREATE TABLE queued (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     queue TEXT NOT NULL,
     endpoint TEXT NOT NULL,
     priority INTEGER NOT NULL,
     message_id INTEGER NOT NULL REFERENCES message(id),
     bytes INTEGER NOT NULL,
     expires_at_ms INTEGER
   );
   CREATE INDEX queued_order ON queued(queue, priority, id);
   CREATE INDEX queued_endpoint ON queued(endpoint, priority DESC, id);
   CREATE INDEX queued_oldest ON queued(endpoint, message_id);
   CREATE INDEX queued_expiry ON queued(expires_at_ms) WHERE expires_at_ms IS NOT NULL;
   CREATE INDEX queued_message ON queued(message_id);
   CREATE TABLE session (client_id TEXT PRIMARY KEY, bits INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE twin (
     client_id TEXT PRIMARY KEY,
     desired TEXT NOT NULL,
     desired_version INTEGER NOT NULL,
     reported TEXT NOT NULL,
     reported_version INTEGER NOT NULL,
     unsent_patch TEXT,
     synced INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
];

const AUTO_VACUUM_INCREMENTAL = 2;
/** The write-ahead log is cut to this size when it starts over. */
const WAL_BYTES_MAX = 16 * 1024 * 1024;

/** Opens `{folder}/hub.db`. There is no fallback to memory: when it cannot be opened the hub does not start. */
export function openHubDatabase(folder: string, logger: Logger): DatabaseSync {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const db = openDatabase(join(folder, 'hub.db'), { migrations: MIGRATIONS, synchronous: 'full', logger });
  db.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`);
  const { auto_vacuum } = db.prepare('PRAGMA auto_vacuum').get() as { auto_vacuum: number };
  if (auto_vacuum !== AUTO_VACUUM_INCREMENTAL) {
    // The setting of an existing file changes by rewriting it once.
    db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    db.exec('VACUUM');
  }
  return db;
}

// The schema of a drive's index, step by step. Never change a step that was released: drives in the field stand at each of them.

import { TAG_MIGRATION } from './index-selection.ts';

export const INDEX_MIGRATIONS: readonly string[] = [
  `CREATE TABLE object (
     id INTEGER PRIMARY KEY,
     key TEXT NOT NULL UNIQUE,
     size_bytes INTEGER NOT NULL,
     stored_bytes INTEGER NOT NULL,
     filling INTEGER NOT NULL,
     meta TEXT NOT NULL
   );
   CREATE INDEX object_filling ON object (id) WHERE filling = 1;
   CREATE TABLE page (
     object_id INTEGER NOT NULL,
     page INTEGER NOT NULL,
     present BLOB NOT NULL,
     crcs BLOB NOT NULL,
     PRIMARY KEY (object_id, page)
   ) WITHOUT ROWID;`,
  // Totals and the state of the eviction are kept, so that a start counts nothing; the chunks of objects up to 64 MiB lie in their row.
  // Rows of before keep their chunks in the page table until they change: a million of them are not rewritten at the start.
  `ALTER TABLE object ADD COLUMN chunks BLOB;
   CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO state SELECT 'objects', COUNT(*) FROM object;
   INSERT INTO state SELECT 'stored_bytes', COALESCE(SUM(stored_bytes), 0) FROM object;
   CREATE TABLE visited (page INTEGER PRIMARY KEY, bits BLOB NOT NULL);`,
  TAG_MIGRATION,
  // Small objects: where their body lies (slabs/).
  'ALTER TABLE object ADD COLUMN place INTEGER;',
];

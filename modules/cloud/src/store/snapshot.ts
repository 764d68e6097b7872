// A consistent copy of the embedded database, taken while the cloud goes on writing, and the proof that a copy is whole.

import { chmodSync, existsSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';

/** Pages copied between two turns of the writers. */
const PAGES_AT_ONCE = 1_000;
const BUSY_TIMEOUT_MS = 30_000;

/** SQLite's online backup: the copy is the database as of one moment. false: there is no database. */
export async function copyDatabase(from: string, to: string): Promise<boolean> {
  if (!existsSync(from)) return false;
  const source = new DatabaseSync(from, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    await backup(source, to, { rate: PAGES_AT_ONCE });
  } finally {
    source.close();
  }
  chmodSync(to, 0o600);
  return true;
}

/** undefined: the file is a sound database; else what is wrong with it. */
export function databaseFault(path: string): string | undefined {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const row = database.prepare('pragma quick_check(1)').get() as { quick_check: string };
      return row.quick_check === 'ok' ? undefined : row.quick_check;
    } finally {
      database.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

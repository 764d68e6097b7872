// What is known of a node's daemon: version, start time, starts seen.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const addDaemon: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('node_status').addColumn('daemon', 'text').execute();
  },
};

// Update rings: when a node takes a new version of its modules, which one it has, and the history of its updates.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const addUpdates: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('cache_node').addColumn('update_ring', 'text').execute();
    await db.schema.alterTable('cache_node').addColumn('module_version', 'text').execute();
    await db.schema
      .alterTable('cache_node')
      .addColumn('update_state', 'text', (c) => c.notNull().defaultTo('{}'))
      .execute();
    await db.schema
      .createTable('node_update')
      .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
      .addColumn('node_name', 'text', (c) => c.notNull().references('cache_node.name').onDelete('cascade'))
      .addColumn('version', 'text', (c) => c.notNull())
      .addColumn('from_version', 'text', (c) => c.notNull())
      .addColumn('reason', 'text', (c) => c.notNull())
      .addColumn('by_whom', 'text', (c) => c.notNull())
      .addColumn('started_ms', 'bigint', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('ended_ms', 'bigint')
      .addColumn('error', 'text')
      .execute();
    await db.schema.createIndex('node_update_node').on('node_update').columns(['node_name', 'seq']).execute();
  },
};

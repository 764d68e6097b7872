// Replicas over one database: who is up, who holds which connection, patches on their way to it, calls from one replica to another.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createReplicaTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('replica')
      .addColumn('number', 'integer', (c) => c.primaryKey().autoIncrement())
      .addColumn('host', 'text', (c) => c.notNull())
      .addColumn('started_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('connection')
      .addColumn('device_id', 'text', (c) => c.notNull())
      .addColumn('module_id', 'text', (c) => c.notNull())
      .addColumn('replica', 'bigint', (c) => c.notNull())
      .addColumn('epoch', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('connection_pk', ['device_id', 'module_id'])
      .addForeignKeyConstraint(
        'connection_identity_fk',
        ['device_id', 'module_id'],
        'identity',
        ['device_id', 'module_id'],
        (c) => c.onDelete('cascade'),
      )
      .execute();
    await db.schema.createIndex('connection_replica').on('connection').column('replica').execute();
    await db.schema
      .createTable('desired_patch')
      .addColumn('device_id', 'text', (c) => c.notNull())
      .addColumn('module_id', 'text', (c) => c.notNull())
      .addColumn('version', 'bigint', (c) => c.notNull())
      .addColumn('patch', 'text', (c) => c.notNull())
      .addColumn('at_ms', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('desired_patch_pk', ['device_id', 'module_id', 'version'])
      .execute();
    await db.schema.createIndex('desired_patch_age').on('desired_patch').column('at_ms').execute();
    await db.schema
      .createTable('replica_call')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('to_replica', 'bigint', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('request', 'text', (c) => c.notNull())
      .addColumn('answer', 'text')
      .addColumn('at_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('node_probe')
      .addColumn('node_name', 'text', (c) => c.primaryKey().references('cache_node.name').onDelete('cascade'))
      .addColumn('state', 'text', (c) => c.notNull())
      .execute();
  },
};

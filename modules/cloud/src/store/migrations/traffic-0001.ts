// Traffic of the nodes rolled up by minute, hour and day: all of it, by origin and by content class.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createTrafficTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('traffic_slice')
      .addColumn('node_name', 'text', (c) => c.notNull().references('cache_node.name').onDelete('cascade'))
      .addColumn('step', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('start_ms', 'bigint', (c) => c.notNull())
      .addColumn('label', 'text', (c) => c.notNull())
      .addColumn('hits', 'double precision', (c) => c.notNull())
      .addColumn('misses', 'double precision', (c) => c.notNull())
      .addColumn('hit_bytes', 'double precision', (c) => c.notNull())
      .addColumn('miss_bytes', 'double precision', (c) => c.notNull())
      .addPrimaryKeyConstraint('traffic_slice_pk', ['node_name', 'step', 'kind', 'start_ms', 'label'])
      .execute();
    await db.schema
      .createIndex('traffic_slice_age')
      .on('traffic_slice')
      .columns(['step', 'kind', 'start_ms'])
      .execute();
  },
};

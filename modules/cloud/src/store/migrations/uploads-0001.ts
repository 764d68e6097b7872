// Files that nodes send to the cloud.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createUploads: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('node_upload')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('node_name', 'text', (c) => c.notNull().references('cache_node.name').onDelete('cascade'))
      .addColumn('token_hash', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('created_ms', 'bigint', (c) => c.notNull())
      .addColumn('open_until_ms', 'bigint', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('file_name', 'text', (c) => c.notNull())
      .addColumn('size_bytes', 'bigint', (c) => c.notNull())
      .addColumn('stored_ms', 'bigint')
      .addColumn('correlation_id', 'text', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('node_upload_node').on('node_upload').columns(['node_name', 'created_ms']).execute();
  },
};

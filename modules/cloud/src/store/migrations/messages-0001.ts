// Cloud-to-device messages that wait for their device, and feedback that waits for a back end.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createMessageTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('c2d_queue')
      .addColumn('device_id', 'text', (c) => c.primaryKey())
      .addColumn('module_id', 'text', (c) => c.notNull())
      .addColumn('waiting', 'integer', (c) => c.notNull())
      .addColumn('last_sequence', 'bigint', (c) => c.notNull())
      .addForeignKeyConstraint(
        'c2d_queue_identity_fk',
        ['device_id', 'module_id'],
        'identity',
        ['device_id', 'module_id'],
        (c) => c.onDelete('cascade'),
      )
      .execute();
    await db.schema.createIndex('c2d_queue_waiting').on('c2d_queue').column('waiting').execute();
    await db.schema
      .createTable('c2d_message')
      .addColumn('device_id', 'text', (c) => c.notNull().references('c2d_queue.device_id').onDelete('cascade'))
      .addColumn('sequence', 'bigint', (c) => c.notNull())
      .addColumn('generation_id', 'text', (c) => c.notNull())
      .addColumn('system', 'text', (c) => c.notNull())
      .addColumn('app', 'text', (c) => c.notNull())
      .addColumn('body', 'blob', (c) => c.notNull())
      .addColumn('ack', 'text', (c) => c.notNull())
      .addColumn('enqueued_ms', 'bigint', (c) => c.notNull())
      .addColumn('expires_ms', 'bigint', (c) => c.notNull())
      .addColumn('delivery_count', 'integer', (c) => c.notNull())
      .addColumn('lock_token', 'text')
      .addColumn('locked_until_ms', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('c2d_message_pk', ['device_id', 'sequence'])
      .execute();
    await db.schema.createIndex('c2d_message_expiry').on('c2d_message').column('expires_ms').execute();
    await db.schema
      .createTable('c2d_feedback')
      // AUTOINCREMENT: records leave in the order they came.
      .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
      .addColumn('record', 'text', (c) => c.notNull())
      .addColumn('created_ms', 'bigint', (c) => c.notNull())
      .addColumn('lock_token', 'text')
      .addColumn('locked_until_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('c2d_feedback_lock').on('c2d_feedback').column('lock_token').execute();
  },
};

// Scheduled jobs over many devices and what became of each device of a job.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createJobTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('job')
      .addColumn('job_id', 'text', (c) => c.primaryKey())
      .addColumn('type', 'text', (c) => c.notNull())
      .addColumn('query_condition', 'text', (c) => c.notNull())
      .addColumn('action', 'text', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('created_ms', 'bigint', (c) => c.notNull())
      .addColumn('start_ms', 'bigint', (c) => c.notNull())
      .addColumn('end_ms', 'bigint')
      .addColumn('execution_secs_max', 'integer', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('failure_reason', 'text')
      .addColumn('targets_listed', 'integer', (c) => c.notNull())
      .addColumn('runner', 'text')
      .addColumn('lease_until_ms', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('job_due').on('job').columns(['status', 'start_ms']).execute();
    await db.schema.createIndex('job_created').on('job').columns(['created_ms', 'job_id']).execute();
    // No key to the identity: what became of a device is told after the device is gone.
    await db.schema
      .createTable('device_job')
      .addColumn('job_id', 'text', (c) => c.notNull().references('job.job_id').onDelete('cascade'))
      .addColumn('device_id', 'text', (c) => c.notNull())
      .addColumn('module_id', 'text', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('created_ms', 'bigint', (c) => c.notNull())
      .addColumn('start_ms', 'bigint')
      .addColumn('end_ms', 'bigint')
      .addColumn('updated_ms', 'bigint', (c) => c.notNull())
      .addColumn('outcome', 'text')
      .addColumn('error', 'text')
      .addPrimaryKeyConstraint('device_job_pk', ['job_id', 'device_id', 'module_id'])
      .execute();
    await db.schema.createIndex('device_job_status').on('device_job').columns(['job_id', 'status']).execute();
  },
};

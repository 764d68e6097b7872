// Configurations, which twins they target, what each device got and why, and the queue of devices to look at.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createDeploymentTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('twin')
      .addColumn('configurations', 'text', (c) => c.notNull().defaultTo('{}'))
      .execute();
    await createConfiguration(db);
    await createDeviceTables(db);
    await createHistory(db);
    await createQueue(db);
  },
};

async function createConfiguration(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('configuration')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('etag', 'text', (c) => c.notNull())
    .addColumn('schema_version', 'text', (c) => c.notNull())
    .addColumn('labels', 'text')
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('content', 'text', (c) => c.notNull())
    .addColumn('target_condition', 'text', (c) => c.notNull())
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('metric_queries', 'text', (c) => c.notNull())
    .addColumn('metric_results', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('updated_ms', 'bigint', (c) => c.notNull())
    .addColumn('updated_by', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('configuration_target')
    .addColumn('configuration_id', 'text', (c) => c.notNull())
    .addColumn('device_id', 'text', (c) => c.notNull())
    .addColumn('module_id', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('configuration_target_pk', ['configuration_id', 'device_id', 'module_id'])
    .addForeignKeyConstraint(
      'configuration_target_identity_fk',
      ['device_id', 'module_id'],
      'identity',
      ['device_id', 'module_id'],
      (c) => c.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createIndex('configuration_target_device')
    .on('configuration_target')
    .columns(['device_id', 'module_id'])
    .execute();
}

async function createDeviceTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('configured_twin')
    .addColumn('device_id', 'text', (c) => c.notNull())
    .addColumn('module_id', 'text', (c) => c.notNull())
    .addColumn('has_section', 'integer', (c) => c.notNull())
    .addColumn('paths', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('configured_twin_pk', ['device_id', 'module_id'])
    .addForeignKeyConstraint(
      'configured_twin_identity_fk',
      ['device_id', 'module_id'],
      'identity',
      ['device_id', 'module_id'],
      (c) => c.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createTable('device_deployment')
    .addColumn('device_id', 'text', (c) => c.primaryKey())
    .addColumn('origin', 'text', (c) => c.notNull())
    .addColumn('base_id', 'text')
    .addColumn('layers', 'text', (c) => c.notNull())
    .addColumn('content_hash', 'text')
    .addColumn('problem', 'text')
    .addColumn('changed_ms', 'bigint', (c) => c.notNull())
    .addColumn('own_content', 'text')
    .addColumn('follows_fields', 'integer', (c) => c.notNull())
    .execute();
}

async function createHistory(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('deployment_history')
    // AUTOINCREMENT: a sequence number names one deployment for ever, also after older ones were pruned.
    .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('device_id', 'text', (c) => c.notNull())
    .addColumn('at_ms', 'bigint', (c) => c.notNull())
    .addColumn('by_whom', 'text', (c) => c.notNull())
    .addColumn('origin', 'text', (c) => c.notNull())
    .addColumn('base_id', 'text')
    .addColumn('layers', 'text', (c) => c.notNull())
    .addColumn('desired_version', 'bigint', (c) => c.notNull())
    .addColumn('content', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('deployment_history_device')
    .on('deployment_history')
    .columns(['device_id', 'seq'])
    .execute();
}

async function createQueue(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('evaluation_due')
    .addColumn('device_id', 'text', (c) => c.primaryKey())
    .addColumn('ticket', 'integer', (c) => c.notNull())
    .addColumn('due_ms', 'bigint', (c) => c.notNull())
    .addColumn('by_whom', 'text', (c) => c.notNull())
    .addColumn('claimed_until_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('evaluation_due_order').on('evaluation_due').columns(['due_ms', 'device_id']).execute();
  await db.schema
    .createTable('evaluation_sweep')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('is_active', 'integer', (c) => c.notNull())
    .addColumn('done_to', 'text', (c) => c.notNull())
    .addColumn('ends_after', 'text', (c) => c.notNull())
    .addColumn('has_wrapped', 'integer', (c) => c.notNull())
    .addColumn('by_whom', 'text', (c) => c.notNull())
    .addColumn('started_ms', 'bigint', (c) => c.notNull())
    .addColumn('wants_metrics', 'integer', (c) => c.notNull())
    .execute();
}

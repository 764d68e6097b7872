// Registry, twins, sessions, telemetry and policies of the IoT Hub face.

import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createHubTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createIdentity(db);
    await createTwin(db);
    await createTelemetry(db);
    await db.schema
      .createTable('session')
      .addColumn('device_id', 'text', (c) => c.notNull())
      .addColumn('module_id', 'text', (c) => c.notNull())
      .addColumn('bits', 'integer', (c) => c.notNull())
      .addColumn('updated_ms', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('session_pk', ['device_id', 'module_id'])
      .addForeignKeyConstraint(
        'session_identity_fk',
        ['device_id', 'module_id'],
        'identity',
        ['device_id', 'module_id'],
        (c) => c.onDelete('cascade'),
      )
      .execute();
    await db.schema
      .createTable('policy')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('primary_key', 'text', (c) => c.notNull())
      .addColumn('secondary_key', 'text', (c) => c.notNull())
      .execute();
  },
};

async function createIdentity(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identity')
    .addColumn('device_id', 'text', (c) => c.notNull())
    .addColumn('module_id', 'text', (c) => c.notNull())
    .addColumn('generation_id', 'text', (c) => c.notNull())
    .addColumn('etag', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('status_reason', 'text')
    .addColumn('status_updated_ms', 'bigint')
    .addColumn('auth_type', 'text', (c) => c.notNull())
    .addColumn('primary_key', 'text')
    .addColumn('secondary_key', 'text')
    .addColumn('primary_thumbprint', 'text')
    .addColumn('secondary_thumbprint', 'text')
    .addColumn('iot_edge', 'integer', (c) => c.notNull())
    .addColumn('device_scope', 'text')
    .addColumn('parent_scopes', 'text', (c) => c.notNull())
    .addColumn('managed_by', 'text')
    .addColumn('connected', 'integer', (c) => c.notNull())
    .addColumn('connection_updated_ms', 'bigint')
    .addColumn('last_activity_ms', 'bigint')
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('identity_pk', ['device_id', 'module_id'])
    .execute();
  await db.schema.createIndex('identity_scope').on('identity').columns(['parent_scopes', 'device_id']).execute();
}

async function createTwin(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('twin')
    .addColumn('device_id', 'text', (c) => c.notNull())
    .addColumn('module_id', 'text', (c) => c.notNull())
    .addColumn('tags', 'text', (c) => c.notNull())
    .addColumn('desired', 'text', (c) => c.notNull())
    .addColumn('desired_meta', 'text', (c) => c.notNull())
    .addColumn('desired_version', 'bigint', (c) => c.notNull())
    .addColumn('reported', 'text', (c) => c.notNull())
    .addColumn('reported_meta', 'text', (c) => c.notNull())
    .addColumn('reported_version', 'bigint', (c) => c.notNull())
    .addColumn('version', 'bigint', (c) => c.notNull())
    .addColumn('etag', 'text', (c) => c.notNull())
    .addColumn('model_id', 'text')
    .addPrimaryKeyConstraint('twin_pk', ['device_id', 'module_id'])
    .addForeignKeyConstraint(
      'twin_identity_fk',
      ['device_id', 'module_id'],
      'identity',
      ['device_id', 'module_id'],
      (c) => c.onDelete('cascade'),
    )
    .execute();
}

// Messages carry no foreign key: history is removed with its device by the registry, in bounded steps.
async function createTelemetry(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('telemetry')
    // AUTOINCREMENT: a seq is never used again, so `afterSeq` of a reader stays true after pruning.
    .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('device_id', 'text', (c) => c.notNull())
    .addColumn('module_id', 'text', (c) => c.notNull())
    .addColumn('enqueued_ms', 'bigint', (c) => c.notNull())
    .addColumn('message_type', 'text', (c) => c.notNull())
    .addColumn('system', 'text', (c) => c.notNull())
    .addColumn('app', 'text', (c) => c.notNull())
    .addColumn('body', 'blob', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('telemetry_device').on('telemetry').columns(['device_id', 'seq']).execute();
  await db.schema
    .createTable('last_message')
    .addColumn('device_id', 'text', (c) => c.notNull())
    .addColumn('module_id', 'text', (c) => c.notNull())
    .addColumn('message_type', 'text', (c) => c.notNull())
    .addColumn('seq', 'bigint', (c) => c.notNull())
    .addColumn('enqueued_ms', 'bigint', (c) => c.notNull())
    .addColumn('system', 'text', (c) => c.notNull())
    .addColumn('app', 'text', (c) => c.notNull())
    .addColumn('body', 'blob', (c) => c.notNull())
    .addPrimaryKeyConstraint('last_message_pk', ['device_id', 'module_id', 'message_type'])
    .execute();
  await sql`create index telemetry_age on telemetry (enqueued_ms)`.execute(db);
}

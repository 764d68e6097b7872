// People, cache nodes, registration keys, timeline, health and cache figures of the cache-node face.

import type { CreateTableBuilder, Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createNodeTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createPeople(db);
    await createNodes(db);
    await createHealth(db);
    await createCacheFigures(db);
  },
};

async function createPeople(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('cloud_setting')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('person')
    .addColumn('username', 'text', (c) => c.primaryKey())
    .addColumn('password_hash', 'text', (c) => c.notNull())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('login_session')
    .addColumn('token_hash', 'text', (c) => c.primaryKey())
    .addColumn('username', 'text', (c) => c.notNull().references('person.username').onDelete('cascade'))
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('login_session_user').on('login_session').columns(['username', 'created_ms']).execute();
}

async function createNodes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('cache_node')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('name_key', 'text', (c) => c.notNull().unique())
    .addColumn('cache_node_id', 'text', (c) => c.notNull().unique())
    .addColumn('customer_key', 'text', (c) => c.notNull())
    .addColumn('ip_address', 'text')
    .addColumn('http_port', 'integer', (c) => c.notNull())
    .addColumn('summary_port', 'integer', (c) => c.notNull())
    .addColumn('max_egress_mbps', 'integer', (c) => c.notNull())
    .addColumn('drives', 'text', (c) => c.notNull())
    .addColumn('is_enabled', 'integer', (c) => c.notNull())
    .addColumn('prefix_source', 'text', (c) => c.notNull())
    .addColumn('cidrs', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('updated_ms', 'bigint', (c) => c.notNull())
    .addColumn('provisioned_ms', 'bigint')
    .addColumn('provisioned_host', 'text')
    .addColumn('provisioned_version', 'text')
    .execute();
  await ofNode(db.schema.createTable('registration_key').addColumn('key_hash', 'text', (c) => c.primaryKey()))
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_ms', 'bigint', (c) => c.notNull())
    .addColumn('used_ms', 'bigint')
    .addColumn('nonce_hash', 'text')
    .execute();
  await db.schema.createIndex('registration_key_node').on('registration_key').column('node_name').execute();
  await ofNode(
    // AUTOINCREMENT: readers hold a seq as their place, so it is never used again.
    db.schema.createTable('node_event').addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement()),
  )
    .addColumn('at_ms', 'bigint', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('text', 'text', (c) => c.notNull())
    .addColumn('details', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('node_event_node').on('node_event').columns(['node_name', 'seq']).execute();
}

async function createHealth(db: Kysely<unknown>): Promise<void> {
  await ofNode(db.schema.createTable('node_status'))
    .addColumn('heartbeat_ms', 'bigint')
    .addColumn('health_at_ms', 'bigint')
    .addColumn('health', 'text')
    .addColumn('telemetry_seq', 'bigint', (c) => c.notNull())
    .addColumn('judgement', 'text')
    .addPrimaryKeyConstraint('node_status_pk', ['node_name'])
    .execute();
  await ofNode(db.schema.createTable('node_module'))
    .addColumn('module', 'text', (c) => c.notNull())
    .addColumn('health', 'text', (c) => c.notNull())
    .addColumn('starts_seen', 'integer', (c) => c.notNull())
    .addColumn('changed_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('node_module_pk', ['node_name', 'module'])
    .execute();
}

async function createCacheFigures(db: Kysely<unknown>): Promise<void> {
  const figures = [
    'requests',
    'hits',
    'misses',
    'errors5xx',
    'hit_bytes',
    'miss_bytes',
    'egress_bytes',
    'ingress_bytes',
  ];
  let table: CreateTableBuilder<string, string> = ofNode(db.schema.createTable('cache_minute'))
    .addColumn('module', 'text', (c) => c.notNull())
    .addColumn('minute_ms', 'bigint', (c) => c.notNull());
  for (const figure of figures) table = table.addColumn(figure, 'bigint', (c) => c.notNull());
  await table.addPrimaryKeyConstraint('cache_minute_pk', ['node_name', 'minute_ms', 'module']).execute();
  await db.schema.createIndex('cache_minute_age').on('cache_minute').column('minute_ms').execute();
  await ofNode(db.schema.createTable('cache_last'))
    .addColumn('module', 'text', (c) => c.notNull())
    .addColumn('to_ms', 'bigint', (c) => c.notNull())
    .addColumn('report', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('cache_last_pk', ['node_name', 'module'])
    .execute();
}

/** Everything known of a node goes with it. */
function ofNode<T extends string, C extends string>(
  table: CreateTableBuilder<T, C>,
): CreateTableBuilder<string, string> {
  return (table as unknown as CreateTableBuilder<string, string>).addColumn('node_name', 'text', (c) =>
    c.notNull().references('cache_node.name').onDelete('cascade'),
  );
}

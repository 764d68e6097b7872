// Accounts, the account, AS and drain switch of a node, prefixes with their reviews, routes of the BGP modules.

import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createRoutingTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await addNodeFields(db);
    await createPrefixes(db);
    await createBgp(db);
  },
};

async function addNodeFields(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('account')
    .addColumn('customer_id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('settings', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .alterTable('cache_node')
    .addColumn('customer_id', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  await db.schema.alterTable('cache_node').addColumn('asn', 'bigint').execute();
  await db.schema
    .alterTable('cache_node')
    .addColumn('is_draining', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  // Until now the whole cloud was one account.
  await sql`update cache_node set customer_id = coalesce((select value from cloud_setting where name = 'customer_id'), '')`.execute(
    db,
  );
}

async function createPrefixes(db: Kysely<unknown>): Promise<void> {
  const ofNode = 'cache_node.name';
  await db.schema
    .createTable('node_prefix')
    .addColumn('node_name', 'text', (c) => c.notNull().references(ofNode).onDelete('cascade'))
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('prefix', 'text', (c) => c.notNull())
    .addColumn('since_ms', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('code', 'text', (c) => c.notNull())
    .addColumn('feedback', 'text', (c) => c.notNull())
    .addColumn('origin_asn', 'bigint')
    .addPrimaryKeyConstraint('node_prefix_pk', ['node_name', 'source', 'prefix'])
    .execute();
  await db.schema.createIndex('node_prefix_state').on('node_prefix').columns(['state', 'code', 'since_ms']).execute();
  await db.schema
    .createTable('prefix_decision')
    .addColumn('node_name', 'text', (c) => c.notNull().references(ofNode).onDelete('cascade'))
    .addColumn('prefix', 'text', (c) => c.notNull())
    .addColumn('decision', 'text', (c) => c.notNull())
    .addColumn('text', 'text', (c) => c.notNull())
    .addColumn('decided_by', 'text', (c) => c.notNull())
    .addColumn('at_ms', 'bigint', (c) => c.notNull())
    .addColumn('ipv4_addresses', 'double precision', (c) => c.notNull())
    .addColumn('ipv6_addresses', 'double precision', (c) => c.notNull())
    .addPrimaryKeyConstraint('prefix_decision_pk', ['node_name', 'prefix'])
    .execute();
}

async function createBgp(db: Kysely<unknown>): Promise<void> {
  const ofNode = 'cache_node.name';
  await db.schema
    .createTable('bgp_route')
    .addColumn('node_name', 'text', (c) => c.notNull().references(ofNode).onDelete('cascade'))
    .addColumn('epoch', 'text', (c) => c.notNull())
    .addColumn('session', 'text', (c) => c.notNull())
    .addColumn('prefix', 'text', (c) => c.notNull())
    .addColumn('as_path', 'text', (c) => c.notNull())
    .addColumn('origin_asn', 'bigint')
    .addColumn('med', 'bigint')
    .addPrimaryKeyConstraint('bgp_route_pk', ['node_name', 'epoch', 'prefix', 'session'])
    .execute();
  await db.schema
    .createTable('bgp_stream')
    .addColumn('node_name', 'text', (c) => c.primaryKey().references(ofNode).onDelete('cascade'))
    .addColumn('epoch', 'text', (c) => c.notNull())
    .addColumn('seq', 'bigint', (c) => c.notNull())
    .addColumn('routes', 'bigint', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('next_epoch', 'text', (c) => c.notNull())
    .addColumn('next_seq', 'bigint', (c) => c.notNull())
    .addColumn('next_routes', 'bigint', (c) => c.notNull())
    .addColumn('next_hash', 'text', (c) => c.notNull())
    .addColumn('telemetry_seq', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text')
    .addColumn('updated_ms', 'bigint', (c) => c.notNull())
    .execute();
}

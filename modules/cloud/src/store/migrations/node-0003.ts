// Node fields of BGP and of the proxy, where a node came from, and the digest of the manifest that was made from its fields.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const addNodeSettings: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const add = (name: string, type: 'text' | 'bigint') =>
      db.schema.alterTable('cache_node').addColumn(name, type).execute();
    await add('bgp', 'text');
    await db.schema
      .alterTable('cache_node')
      .addColumn('bgp_passwords', 'text', (c) => c.notNull().defaultTo('{}'))
      .execute();
    await add('proxy', 'text');
    await add('proxy_certificate_path', 'text');
    await add('imported_ms', 'bigint');
    await add('manifest_hash', 'text');
  },
};

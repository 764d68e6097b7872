// Cache figures of all nodes together, per minute: a chart of a month asks for its minutes, not for those of every node.

import type { CreateTableBuilder, Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const FIGURES = ['requests', 'hits', 'misses', 'errors5xx', 'hit_bytes', 'miss_bytes', 'egress_bytes', 'ingress_bytes'];

export const createFleetMinutes: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    let table: CreateTableBuilder<string, string> = db.schema
      .createTable('fleet_minute')
      .addColumn('minute_ms', 'bigint', (c) => c.primaryKey());
    for (const figure of FIGURES) table = table.addColumn(figure, 'double precision', (c) => c.notNull());
    await table.execute();
  },
};

// Views of lists that users keep.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createSavedViews: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('saved_view')
      .addColumn('username', 'text', (c) => c.notNull().references('person.username').onDelete('cascade'))
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('filter', 'text', (c) => c.notNull())
      .addColumn('saved_ms', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('saved_view_pk', ['username', 'name'])
      .execute();
  },
};

// Users with scopes, what sessions show of themselves, invitations, API tokens, and the audit log.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const createPeopleTables: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await extendPeople(db);
    await extendSessions(db as Kysely<{ login_session: { token_hash: string } }>);
    await createInvitations(db);
    await createTokens(db);
    await createAudit(db);
  },
};

async function extendPeople(db: Kysely<unknown>): Promise<void> {
  const person = () => db.schema.alterTable('person');
  await person()
    .addColumn('scope', 'text', (c) => c.notNull().defaultTo('"all"'))
    .execute();
  await person()
    .addColumn('is_disabled', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await person()
    .addColumn('password_changed_ms', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
  await person()
    .addColumn('invited_by', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
}

async function extendSessions(db: Kysely<{ login_session: { token_hash: string } }>): Promise<void> {
  // They have no id to end them by: everybody logs in once more.
  await db.deleteFrom('login_session').execute();
  const session = () => db.schema.alterTable('login_session');
  await session()
    .addColumn('id', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  await session()
    .addColumn('address', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  await session()
    .addColumn('agent', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  await session()
    .addColumn('last_used_ms', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
}

async function createInvitations(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('invitation')
    .addColumn('token_hash', 'text', (c) => c.primaryKey())
    .addColumn('id', 'text', (c) => c.notNull().unique())
    .addColumn('username', 'text')
    .addColumn('is_reset', 'integer', (c) => c.notNull())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('invited_by', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_ms', 'bigint', (c) => c.notNull())
    .addColumn('used_ms', 'bigint')
    .execute();
}

async function createTokens(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('api_token')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('secret_hash', 'text', (c) => c.notNull())
    .addColumn('username', 'text', (c) => c.notNull().references('person.username').onDelete('cascade'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_ms', 'bigint', (c) => c.notNull())
    .addColumn('last_used_ms', 'bigint')
    .addColumn('last_address', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  await db.schema.createIndex('api_token_user').on('api_token').columns(['username', 'created_ms']).execute();
}

async function createAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit_event')
    .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('at_ms', 'bigint', (c) => c.notNull())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('credential', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('object', 'text', (c) => c.notNull())
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addColumn('status', 'integer', (c) => c.notNull())
    .addColumn('changes', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('audit_event_at').on('audit_event').column('at_ms').execute();
  await db.schema.createIndex('audit_event_actor').on('audit_event').columns(['actor', 'seq']).execute();
  await db.schema.createIndex('audit_event_object').on('audit_event').columns(['object', 'seq']).execute();
}

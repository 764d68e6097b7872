// The store that a test runs on: SQLite in memory, or with WAYSIDE_TEST_STORE=postgres a database of its own on the server that
// WAYSIDE_TEST_POSTGRES_URL names (scripts/test-on-postgres.ts starts one and sets both).

import { randomUUID } from 'node:crypto';
import { afterAll } from '@jest/globals';
import pg from 'pg';
import { openStore, type StoreLocation } from '../src/store/open-store.ts';
import type { Db } from '../src/store/tables.ts';
import { createDatabase } from './postgres-server.ts';

const TEMPLATE = 'wayside_template';
/** Advisory lock of the worker that makes the template. */
const TEMPLATE_LOCK = 7;

export const isOnPostgres = process.env.WAYSIDE_TEST_STORE === 'postgres';

const opened = new Set<Db>();

// A file's stores end with it: a pool with open connections would keep the test worker alive.
afterAll(async () => {
  for (const db of opened) await db.destroy();
  opened.clear();
});

/** An empty store with all tables. */
export async function openTestStore(): Promise<Db> {
  const db = await openStore(await testStoreLocation());
  opened.add(db);
  return db;
}

/** Where a new store of this run lies, for what opens it itself. */
export async function testStoreLocation(): Promise<StoreLocation> {
  if (!isOnPostgres) return ':memory:';
  const adminUrl = process.env.WAYSIDE_TEST_POSTGRES_URL;
  if (!adminUrl) throw new Error('WAYSIDE_TEST_STORE is postgres, WAYSIDE_TEST_POSTGRES_URL is not set');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await withTemplate(adminUrl, () => createDatabase(adminUrl, name, TEMPLATE));
  return urlOf(adminUrl, name);
}

/** Migrated once and copied from then on. Copies are made one at a time: PostgreSQL refuses a template in use. */
async function withTemplate(adminUrl: string, copy: () => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`select pg_advisory_lock(${TEMPLATE_LOCK})`);
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [TEMPLATE]);
    if (rowCount === 0) {
      await client.query(`create database "${TEMPLATE}"`);
      await (await openStore(urlOf(adminUrl, TEMPLATE))).destroy();
    }
    await copy();
  } finally {
    await client.end();
  }
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  return url.href;
}

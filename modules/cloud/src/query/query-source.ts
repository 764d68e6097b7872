// The documents a query reads, in order of id, in batches: SQL narrows by identity columns, the predicate decides. What is changed
// meanwhile is seen as it is when its batch is read.

import type { JsonObject } from '@wayside/protocol';
import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely';
import { type IdentityRow, toDevice, toModule } from '../identity/identity-record.ts';
import type { Database, Db } from '../store/tables.ts';
import { twinJson } from '../twins/twin-json.ts';
import { toTwin } from '../twins/twin-rows.ts';
import { holds } from './evaluate-query.ts';
import { type Narrowing, narrow } from './narrow-query.ts';
import type { Condition } from './query-tree.ts';

/** Twins read from the store at once: the event loop is free between two batches. */
const BATCH_TWINS = 200;

/** Where to go on: after this identity. */
export interface SourcePlace {
  deviceId: string;
  moduleId: string;
}

export interface QueryDocument extends SourcePlace {
  document: JsonObject;
}

export const SOURCE_START: SourcePlace = { deviceId: '', moduleId: '' };

/** Twins of devices or of modules for which the condition holds, as IoT Hub's JSON (cloud.md 2.4). */
export async function* twinDocuments(
  db: Db,
  from: 'devices' | 'modules',
  where: Condition | undefined,
  after: SourcePlace = SOURCE_START,
): AsyncGenerator<QueryDocument> {
  const narrowing = narrow(where);
  let place = after;
  for (;;) {
    const identities = await readIdentities(db, from, narrowing, place);
    for (const { identity, twin } of await withTwins(db, identities)) {
      const record = from === 'modules' ? toModule(identity) : toDevice(identity);
      const document = twinJson(toTwin(twin), record) as unknown as JsonObject;
      if (holds(where, document)) yield { document, deviceId: identity.device_id, moduleId: identity.module_id };
    }
    const last = identities.at(-1);
    if (!last || identities.length < BATCH_TWINS) return;
    place = { deviceId: last.device_id, moduleId: last.module_id };
    // An embedded store answers without ever waiting: other requests get their turn here.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function readIdentities(
  db: Db,
  from: 'devices' | 'modules',
  narrowing: Narrowing | undefined,
  { deviceId, moduleId }: SourcePlace,
): Promise<IdentityRow[]> {
  return await db
    .selectFrom('identity')
    .selectAll()
    .where('module_id', from === 'devices' ? '=' : '!=', '')
    .where((of) =>
      of.or([of('device_id', '>', deviceId), of.and([of('device_id', '=', deviceId), of('module_id', '>', moduleId)])]),
    )
    .$if(narrowing !== undefined, (query) => query.where((of) => condition(of, narrowing!)))
    .orderBy('device_id')
    .orderBy('module_id')
    .limit(BATCH_TWINS)
    .execute();
}

type IdentityExpressions = ExpressionBuilder<Database, 'identity'>;

function condition(of: IdentityExpressions, narrowing: Narrowing): ExpressionWrapper<Database, 'identity', SqlBool> {
  switch (narrowing.kind) {
    case 'and':
      return of.and(narrowing.parts.map((part) => condition(of, part)));
    case 'or':
      return of.or(narrowing.parts.map((part) => condition(of, part)));
    case 'in':
      return narrowing.values.length === 0
        ? of.and([of.lit(false)])
        : of(narrowing.column, 'in', narrowing.values as never);
    case 'prefix': {
      // PostgreSQL compares case here and SQLite does not: more rows, never fewer.
      const pattern = `${narrowing.prefix.replace(/[!%_]/g, '!$&')}%`;
      return of.and([sql<SqlBool>`${of.ref(narrowing.column)} like ${pattern} escape '!'`]);
    }
  }
}

async function withTwins(db: Db, identities: readonly IdentityRow[]) {
  if (identities.length === 0) return [];
  const twins = await db
    .selectFrom('twin')
    .selectAll()
    .where('device_id', 'in', [...new Set(identities.map((row) => row.device_id))])
    .where('module_id', 'in', [...new Set(identities.map((row) => row.module_id))])
    .execute();
  const byKey = new Map(twins.map((row) => [keyOf(row), row]));
  return identities.flatMap((identity) => {
    const twin = byKey.get(keyOf(identity));
    return twin ? [{ identity, twin }] : [];
  });
}

function keyOf(row: { device_id: string; module_id: string }): string {
  return JSON.stringify([row.device_id, row.module_id]);
}

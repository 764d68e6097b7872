// The twins a query reads, in order of id, in batches: SQL narrows by identity columns, the predicate decides. What is changed meanwhile
// is seen as it is when its batch is read.

import type { JsonObject } from '@wayside/protocol';
import { countWaiting } from '../c2d/c2d-rows.ts';
import { c2dTables } from '../c2d/tables.ts';
import { type IdentityRow, toDevice, toModule } from '../identity/identity-record.ts';
import type { Db } from '../store/tables.ts';
import { twinJson } from '../twins/twin-json.ts';
import { toTwin } from '../twins/twin-rows.ts';
import { holds } from './evaluate-query.ts';
import { type NarrowColumns, type Narrowing, narrow } from './narrow-query.ts';
import { narrowedBy } from './narrow-sql.ts';
import type { Condition } from './query-tree.ts';

/** Twins read from the store at once: the event loop is free between two batches. */
const BATCH_TWINS = 200;

/** Columns of the identity table that a query may name. */
const COLUMNS: NarrowColumns = {
  deviceId: 'device_id',
  moduleId: 'module_id',
  status: 'status',
  authenticationType: 'auth_type',
  connectionState: { column: 'connected', on: 'Connected', off: 'Disconnected' },
  'capabilities.iotEdge': { column: 'iot_edge', on: true, off: false },
};

/** One document of a source; `place` tells where to go on behind it, in the order of the source. */
export interface QueryDocument {
  document: JsonObject;
  place: readonly string[];
}

export interface TwinDocument extends QueryDocument {
  deviceId: string;
  /** '' for a device. */
  moduleId: string;
}

/** A document as the caller may see it, before the condition is asked: nobody finds out by conditions what is withheld. */
export type Show = (document: JsonObject) => JsonObject;

/** Twins of devices or of modules for which the condition holds, as IoT Hub's JSON (cloud.md 2.4), behind `after` = [deviceId, moduleId]. */
export async function* twinDocuments(
  db: Db,
  from: 'devices' | 'modules',
  where: Condition | undefined,
  after: readonly string[] = [],
  show: Show = (document) => document,
): AsyncGenerator<TwinDocument> {
  const narrowing = narrow(where, COLUMNS);
  let place = after;
  for (;;) {
    const identities = await readIdentities(db, from, narrowing, place);
    const waiting = await waitingMessages(db, from, identities);
    for (const { identity, twin } of await withTwins(db, identities)) {
      const record = from === 'modules' ? toModule(identity) : toDevice(identity);
      const { device_id: deviceId, module_id: moduleId } = identity;
      const document = show(twinJson(toTwin(twin), record, waiting.get(deviceId)) as unknown as JsonObject);
      if (holds(where, document)) yield { document, place: [deviceId, moduleId], deviceId, moduleId };
    }
    const last = identities.at(-1);
    if (!last || identities.length < BATCH_TWINS) return;
    place = [last.device_id, last.module_id];
    await breathe();
  }
}

/** An embedded store answers without ever waiting: between two batches other requests get their turn. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function readIdentities(
  db: Db,
  from: 'devices' | 'modules',
  narrowing: Narrowing | undefined,
  [deviceId = '', moduleId = '']: readonly string[],
): Promise<IdentityRow[]> {
  return await db
    .selectFrom('identity')
    .selectAll()
    .where('module_id', from === 'devices' ? '=' : '!=', '')
    .where((of) =>
      of.or([of('device_id', '>', deviceId), of.and([of('device_id', '=', deviceId), of('module_id', '>', moduleId)])]),
    )
    .$if(narrowing !== undefined, (query) => query.where(narrowedBy(narrowing!)))
    .orderBy('device_id')
    .orderBy('module_id')
    .limit(BATCH_TWINS)
    .execute();
}

async function waitingMessages(
  db: Db,
  from: 'devices' | 'modules',
  identities: readonly IdentityRow[],
): Promise<Map<string, number>> {
  if (from === 'modules') return new Map();
  return await countWaiting(
    c2dTables(db),
    identities.map((row) => row.device_id),
  );
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

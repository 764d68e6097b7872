// Runs a query over the twins, page by page, in order of id: what was changed meanwhile is seen as it is when its page is read.

import type { JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { type IdentityRow, toDevice, toModule } from '../identity/identity-record.ts';
import type { Db } from '../store/tables.ts';
import { twinJson } from '../twins/twin-json.ts';
import { toTwin } from '../twins/twin-rows.ts';
import { holds, selectFrom } from './evaluate-query.ts';
import type { Query } from './parse-query.ts';

/** Twins read from the store at once: the event loop is free between two batches. */
const BATCH_TWINS = 200;

/** Where a page begins: after this identity, with so many rows given already (for TOP). */
interface Position {
  deviceId: string;
  moduleId: string;
  given: number;
}

export interface QueryPage {
  rows: JsonObject[];
  /** Token of the next page; undefined at the end. */
  continuation?: string;
}

export async function readQueryPage(
  db: Db,
  query: Query,
  rowsMax: number,
  continuation: string | undefined,
): Promise<QueryPage> {
  if (query.select.kind === 'count') return { rows: [{ [query.select.alias]: await count(db, query) }] };
  const position = readPosition(continuation);
  const wanted = Math.min(rowsMax, (query.top ?? Number.POSITIVE_INFINITY) - position.given);
  const rows: JsonObject[] = [];
  // One row more than wanted tells whether there is a next page.
  for await (const { document, deviceId, moduleId } of documents(db, query, position)) {
    if (rows.length >= wanted) {
      const given = position.given + rows.length;
      const atTop = query.top !== undefined && given >= query.top;
      return { rows, ...(atTop ? {} : { continuation: writePosition({ ...position, given }) }) };
    }
    rows.push(selectFrom(query.select, document));
    position.deviceId = deviceId;
    position.moduleId = moduleId;
  }
  return { rows };
}

async function count(db: Db, query: Query): Promise<number> {
  let total = 0;
  for await (const _ of documents(db, query, { deviceId: '', moduleId: '', given: 0 })) total += 1;
  return total;
}

async function* documents(db: Db, query: Query, from: Position) {
  let { deviceId, moduleId } = from;
  for (;;) {
    const rows = await readBatch(db, query.from, deviceId, moduleId);
    for (const { twin, identity } of rows) {
      const document = twinJson(
        toTwin(twin),
        query.from === 'modules' ? toModule(identity) : toDevice(identity),
      ) as unknown as JsonObject;
      if (holds(query.where, document)) yield { document, deviceId: twin.device_id, moduleId: twin.module_id };
    }
    const last = rows.at(-1);
    if (!last || rows.length < BATCH_TWINS) return;
    deviceId = last.twin.device_id;
    moduleId = last.twin.module_id;
  }
}

async function readBatch(db: Db, from: 'devices' | 'modules', deviceId: string, moduleId: string) {
  const twins = await db
    .selectFrom('twin')
    .selectAll()
    .where('module_id', from === 'devices' ? '=' : '!=', '')
    .where((of) =>
      of.or([of('device_id', '>', deviceId), of.and([of('device_id', '=', deviceId), of('module_id', '>', moduleId)])]),
    )
    .orderBy('device_id')
    .orderBy('module_id')
    .limit(BATCH_TWINS)
    .execute();
  const last = twins.at(-1);
  const first = twins[0];
  if (!first || !last) return [];
  const identities = await db
    .selectFrom('identity')
    .selectAll()
    .where('device_id', '>=', first.device_id)
    .where('device_id', '<=', last.device_id)
    .where('module_id', from === 'devices' ? '=' : '!=', '')
    .execute();
  const byKey = new Map(identities.map((row): [string, IdentityRow] => [keyOf(row), row]));
  return twins.flatMap((twin) => {
    const identity = byKey.get(keyOf(twin));
    return identity ? [{ twin, identity }] : [];
  });
}

function keyOf(row: { device_id: string; module_id: string }): string {
  return JSON.stringify([row.device_id, row.module_id]);
}

function writePosition(position: Position): string {
  return Buffer.from(JSON.stringify([position.deviceId, position.moduleId, position.given])).toString('base64url');
}

function readPosition(continuation: string | undefined): Position {
  if (continuation === undefined) return { deviceId: '', moduleId: '', given: 0 };
  try {
    const [deviceId, moduleId, given] = JSON.parse(
      Buffer.from(continuation, 'base64url').toString('utf8'),
    ) as unknown[];
    if (typeof deviceId === 'string' && typeof moduleId === 'string' && Number.isSafeInteger(given)) {
      return { deviceId, moduleId, given: given as number };
    }
  } catch {
    // Falls through: any other text is no token of ours.
  }
  throw refusal('CLOUD_ARGUMENT_INVALID', 'Cannot read x-ms-continuation: it is no token of this hub');
}

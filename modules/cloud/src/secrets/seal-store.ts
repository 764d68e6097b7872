// Seals what lies in the store unsealed, from before there was a master key, or sealed with a retired one. Safe beside a running cloud.

import { type Kysely, sql } from 'kysely';
import type { Db } from '../store/tables.ts';
import { placeOf, ROW_KEYS, SEALED_IN_JSON, SEALED_VALUES } from './sealed-columns.ts';
import type { Sealer } from './sealer.ts';

/** Rows read at once. */
const PAGE_ROWS = 500;

type AnyDb = Kysely<{ [table: string]: { [column: string]: string } }>;
type Fresh = (value: string) => string | undefined;

/** `db` without the sealing plugin. Returns how many values were sealed anew. */
export async function sealStore(db: Db, sealer: Sealer): Promise<number> {
  const any = db as unknown as AnyDb;
  let sealed = 0;
  for (const [table, columns] of Object.entries(SEALED_VALUES)) {
    for (const column of columns) {
      const place = placeOf(column);
      const fresh: Fresh = (value) =>
        sealer.isStale(value) ? sealer.seal(sealer.open(value, place), place) : undefined;
      sealed += await sealColumn(any, table, column, fresh);
    }
  }
  for (const [table, columns] of Object.entries(SEALED_IN_JSON)) {
    for (const column of columns) {
      const place = placeOf(column);
      const fresh: Fresh = (json) => {
        const isFresh =
          sealer.sealInJson(json, place) === json && !(json.includes('sealed:v1:') && sealer.isStale(json));
        return isFresh ? undefined : sealer.sealInJson(sealer.openInJson(json, place), place);
      };
      sealed += await sealColumn(any, table, column, fresh);
    }
  }
  return sealed;
}

async function sealColumn(db: AnyDb, table: string, column: string, fresh: Fresh): Promise<number> {
  const keys = ROW_KEYS[table];
  // Rows of a table without keys live for seconds.
  if (!keys) return 0;
  let sealed = 0;
  let after: readonly unknown[] | undefined;
  for (;;) {
    let query = db
      .selectFrom(table)
      .select([...keys, column])
      .where(column, 'is not', null)
      .limit(PAGE_ROWS);
    for (const key of keys) query = query.orderBy(key);
    if (after)
      query = query.where(sql<boolean>`(${sql.join(keys.map((key) => sql.ref(key)))}) > (${sql.join([...after])})`);
    const rows: { [name: string]: string }[] = await query.execute();
    for (const row of rows) {
      const before = row[column] ?? '';
      const value = fresh(before);
      if (value === undefined) continue;
      // Only when nobody has written it meanwhile: whoever did has sealed it.
      let update = db
        .updateTable(table)
        .set({ [column]: value })
        .where(column, '=', before);
      for (const key of keys) update = update.where(key, '=', row[key] ?? '');
      const { numUpdatedRows } = await update.executeTakeFirst();
      sealed += Number(numUpdatedRows);
    }
    const last = rows.at(-1);
    if (rows.length < PAGE_ROWS || !last) return sealed;
    after = keys.map((key) => last[key]);
  }
}

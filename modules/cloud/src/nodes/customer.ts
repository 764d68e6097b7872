// The account's id (CUSTOMER_ID): one GUID for the whole cloud, made at first start.

import { randomUUID } from 'node:crypto';
import type { NodeDb } from './tables.ts';

const SETTING = 'customer_id';

export async function ensureCustomerId(db: NodeDb): Promise<string> {
  await db
    .insertInto('cloud_setting')
    .values({ name: SETTING, value: randomUUID() })
    .onConflict((oc) => oc.column('name').doNothing())
    .execute();
  const row = await db
    .selectFrom('cloud_setting')
    .select('value')
    .where('name', '=', SETTING)
    .executeTakeFirstOrThrow();
  return row.value;
}

// The shared access policies with their keys, made at the first start and kept in the store.

import type { Db } from '../store/tables.ts';
import { generateKey } from './keys.ts';
import { isPolicyName, POLICY_RIGHTS, type PolicyName } from './rights.ts';

export interface PolicyKeys {
  primaryKey: string;
  secondaryKey: string;
}

export type Policies = ReadonlyMap<PolicyName, PolicyKeys>;

/** Reads the policies; those that are missing get fresh keys. */
export async function ensurePolicies(db: Db): Promise<Policies> {
  return await db.transaction().execute(async (trx) => {
    for (const name of Object.keys(POLICY_RIGHTS)) {
      await trx
        .insertInto('policy')
        .values({ name, primary_key: generateKey(), secondary_key: generateKey() })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    const policies = new Map<PolicyName, PolicyKeys>();
    for (const row of await trx.selectFrom('policy').selectAll().execute()) {
      if (isPolicyName(row.name)) {
        policies.set(row.name, { primaryKey: row.primary_key, secondaryKey: row.secondary_key });
      }
    }
    return policies;
  });
}

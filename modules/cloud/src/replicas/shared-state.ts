// Replicas share a state folder (CA, server key, secrets of the first start): one that stands on another folder would be a second cloud.

import { createHash } from 'node:crypto';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import type { ServerIdentity } from '../pki/server-identity.ts';
import type { Replicas } from './replicas.ts';

const SETTING = 'ca_fingerprint';

/** The first replica writes down which CA the database belongs to. CLOUD_STATE_NOT_SHARED for one with another CA. */
export async function requireSharedState(db: NodeDb, replicas: Replicas, identity: ServerIdentity): Promise<void> {
  if (replicas.number === 0) return;
  const value = createHash('sha256').update(identity.authority).digest('hex');
  await db
    .insertInto('cloud_setting')
    .values({ name: SETTING, value })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await db
    .selectFrom('cloud_setting')
    .select('value')
    .where('name', '=', SETTING)
    .executeTakeFirstOrThrow();
  if (row.value === value) return;
  throw refusal(
    'CLOUD_STATE_NOT_SHARED',
    `Cannot join the other replicas: the CA in the state folder has fingerprint ${value.slice(0, 16)}, that of the database is ${row.value.slice(0, 16)}`,
  );
}

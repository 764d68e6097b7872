// The leading replica looks which others are still there: one that ended without a word leaves its row, and devices that seem connected.

import type { Clock } from '@wayside/kit';
import { sql } from 'kysely';
import type { PlatformBus } from '../platform-events.ts';
import type { Db } from '../store/tables.ts';
import { ALIVE_LOCK } from './replica-line.ts';
import type { Replicas } from './replicas.ts';

const LOOK_MS = 2_000;
/** A replica that just wrote its row takes its lock first; one whose line breaks is back before this. */
const GRACE_LOOKS = 2;
const REASON = 'the replica of the cloud that held the connection ended';

export interface DeadReplicasParts {
  db: Db;
  bus: PlatformBus;
  clock: Clock;
  replicas: Replicas;
}

/** Until the signal. */
export async function watchReplicas(parts: DeadReplicasParts, signal: AbortSignal): Promise<void> {
  const missing = new Map<number, number>();
  while (!signal.aborted) {
    const silent = await silentReplicas(parts.db);
    for (const number of missing.keys()) if (!silent.includes(number)) missing.delete(number);
    for (const number of silent) {
      const looks = (missing.get(number) ?? 0) + 1;
      missing.set(number, looks);
      if (looks >= GRACE_LOOKS) await bury(parts, number);
    }
    await parts.clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}

/** Rows without the lock that a living replica holds. */
async function silentReplicas(db: Db): Promise<number[]> {
  const { rows } = await sql<{ number: number }>`
    select number from replica where not exists (
      select 1 from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database())
        and classid::bigint = ${ALIVE_LOCK} and objid::bigint = replica.number and objsubid = 2
    ) order by number`.execute(db);
  return rows.map((row) => row.number);
}

async function bury({ db, bus, clock, replicas }: DeadReplicasParts, number: number): Promise<void> {
  const atMs = clock.nowMs();
  const left = await db.transaction().execute(async (trx) => {
    const rows = await sql<{ device_id: string; module_id: string }>`
      update identity set connected = 0, connection_updated_ms = ${atMs} from connection
      where connection.replica = ${number} and identity.connected = 1
        and identity.device_id = connection.device_id and identity.module_id = connection.module_id
      returning identity.device_id, identity.module_id`.execute(trx);
    await trx.deleteFrom('replica').where('number', '=', number).execute();
    return rows.rows;
  });
  replicas.publish('gone', [String(number)]);
  for (const { device_id: deviceId, module_id: moduleId } of left) {
    const who = moduleId === '' ? { deviceId } : { deviceId, moduleId };
    bus.emit('connection', { ...who, connected: false, atMs, reason: REASON });
  }
}

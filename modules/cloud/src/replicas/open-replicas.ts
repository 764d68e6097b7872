// Replicas as the store asks for them: the one there is over SQLite, or all that share a PostgreSQL database.

import type { Clock, Logger } from '@wayside/kit';
import { pruneDesiredPatches } from '../device-front/desired-delivery.ts';
import type { PlatformBus } from '../platform-events.ts';
import { isPostgresUrl, type StoreLocation } from '../store/open-store.ts';
import type { Db } from '../store/tables.ts';
import { watchReplicas } from './dead-replicas.ts';
import { PostgresReplicas } from './postgres-replicas.ts';
import type { ReplicaCalls } from './replica-calls.ts';
import { type Replicas, SingleReplica } from './replicas.ts';

const PRUNE_MS = 60_000;

export async function openReplicas(
  location: StoreLocation,
  parts: { db: Db; clock: Clock; logger: Logger },
): Promise<Replicas> {
  return isPostgresUrl(location) ? await PostgresReplicas.open({ ...parts, url: location }) : new SingleReplica();
}

/** What the leading replica does for all: it watches the others and removes what nobody reads any more. */
export function leadReplicas(parts: {
  db: Db;
  bus: PlatformBus;
  clock: Clock;
  logger: Logger;
  replicas: Replicas;
  calls: ReplicaCalls;
}): void {
  const { db, clock, replicas, calls } = parts;
  if (replicas.number === 0) return;
  void replicas.lead('watch replicas', (signal) => watchReplicas(parts, signal));
  void replicas.lead('prune', async (signal) => {
    while (!signal.aborted) {
      await pruneDesiredPatches(db, clock.nowMs());
      await calls.prune();
      await clock.sleep(PRUNE_MS, signal).catch(() => undefined);
    }
  });
}

// Who is connected, as the registry shows it. A late goodbye of a connection that was taken over changes nothing.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { type Clock, describeError, isEdgeError, type Logger } from '@wayside/kit';
import type { PlatformBus } from '../platform-events.ts';
import type { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { requireFence } from './ownership.ts';

export class Presence {
  private readonly parts: { commits: CommitGroup; clock: Clock; bus: PlatformBus; logger: Logger };
  /** Client id -> its newest connection: epoch of the gateway and, where there are other replicas, of all of them. */
  private readonly newest = new Map<string, { epoch: number; fence: number | undefined }>();

  constructor(parts: { commits: CommitGroup; clock: Clock; bus: PlatformBus; logger: Logger }) {
    this.parts = parts;
  }

  connected(identity: Identity, epoch: number, fence?: number): void {
    this.newest.set(clientIdOf(identity), { epoch, fence });
    this.record(identity, true, 'connected', fence);
  }

  disconnected(identity: Identity, epoch: number, reason: string): void {
    const key = clientIdOf(identity);
    const newest = this.newest.get(key);
    if (newest?.epoch !== epoch) return;
    this.newest.delete(key);
    this.record(identity, false, reason, newest.fence);
  }

  private record(identity: Identity, connected: boolean, reason: string, fence: number | undefined): void {
    const { commits, clock, bus, logger } = this.parts;
    const { deviceId, moduleId } = identity;
    const atMs = clock.nowMs();
    commits
      .run(async (trx) => {
        await requireFence(trx, identity, fence);
        await trx
          .updateTable('identity')
          .set({ connected: connected ? 1 : 0, connection_updated_ms: atMs, last_activity_ms: atMs })
          .where('device_id', '=', deviceId)
          .where('module_id', '=', moduleId ?? '')
          .execute();
      }, deviceId)
      .then(() =>
        bus.emit('connection', { deviceId, ...(moduleId === undefined ? {} : { moduleId }), connected, atMs, reason }),
      )
      .catch((error) => {
        // At another replica a newer connection is there already, or the identity is gone.
        if (isEdgeError(error, 'CLOUD_CONNECTION_TAKEN_OVER')) return;
        logger.error('Cannot record a connection', { client: clientIdOf(identity), error: describeError(error) });
      });
  }
}

/** Over SQLite: after a start nobody is connected, whatever the last run left in the store. */
export async function forgetConnections(db: Db, nowMs: number): Promise<void> {
  await db
    .updateTable('identity')
    .set({ connected: 0, connection_updated_ms: nowMs })
    .where('connected', '=', 1)
    .execute();
}

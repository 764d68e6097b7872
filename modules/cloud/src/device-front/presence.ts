// Who is connected, as the registry shows it. A late goodbye of a connection that was taken over changes nothing.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { PlatformBus } from '../platform-events.ts';
import type { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';

export class Presence {
  private readonly parts: { commits: CommitGroup; clock: Clock; bus: PlatformBus; logger: Logger };
  /** Client id -> epoch of its newest connection. */
  private readonly epochs = new Map<string, number>();

  constructor(parts: { commits: CommitGroup; clock: Clock; bus: PlatformBus; logger: Logger }) {
    this.parts = parts;
  }

  connected(identity: Identity, epoch: number): void {
    this.epochs.set(clientIdOf(identity), epoch);
    this.record(identity, true, 'connected');
  }

  disconnected(identity: Identity, epoch: number, reason: string): void {
    const key = clientIdOf(identity);
    if (this.epochs.get(key) !== epoch) return;
    this.epochs.delete(key);
    this.record(identity, false, reason);
  }

  private record(identity: Identity, connected: boolean, reason: string): void {
    const { commits, clock, bus, logger } = this.parts;
    const { deviceId, moduleId } = identity;
    const atMs = clock.nowMs();
    commits
      .run(async (trx) => {
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
      .catch((error) =>
        logger.error('Cannot record a connection', { client: clientIdOf(identity), error: describeError(error) }),
      );
  }
}

/** After a start nobody is connected, whatever the last run left in the store. */
export async function forgetConnections(db: Db, nowMs: number): Promise<void> {
  await db
    .updateTable('identity')
    .set({ connected: 0, connection_updated_ms: nowMs })
    .where('connected', '=', 1)
    .execute();
}

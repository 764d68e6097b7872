// MQTT sessions as rows: the SDKs subscribe once in the life of a client and rely on the hub to remember (cloud.md 3.3).

import { type Identity, type Session, type SessionStore, sessionFromBits, sessionToBits } from '@wayside/gateway';
import type { Clock } from '@wayside/kit';
import type { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { requireFence } from './ownership.ts';

export interface SessionRowsParts {
  db: Db;
  commits: CommitGroup;
  clock: Clock;
  /** Epoch of the connection that this identity object stands for; undefined where there are no other replicas. */
  fenceOf?(identity: Identity): number | undefined;
}

export class SessionRows implements SessionStore {
  private readonly parts: SessionRowsParts;

  constructor(parts: SessionRowsParts) {
    this.parts = parts;
  }

  async load(identity: Identity): Promise<Session | undefined> {
    const row = await this.parts.db
      .selectFrom('session')
      .select('bits')
      .where('device_id', '=', identity.deviceId)
      .where('module_id', '=', identity.moduleId ?? '')
      .executeTakeFirst();
    return row && sessionFromBits(row.bits);
  }

  async save(identity: Identity, session: Session): Promise<void> {
    const values = { bits: sessionToBits(session), updated_ms: this.parts.clock.nowMs() };
    await this.parts.commits.run(async (trx) => {
      await requireFence(trx, identity, this.parts.fenceOf?.(identity));
      await trx
        .insertInto('session')
        .values({ device_id: identity.deviceId, module_id: identity.moduleId ?? '', ...values })
        .onConflict((conflict) => conflict.columns(['device_id', 'module_id']).doUpdateSet(values))
        .execute();
    }, identity.deviceId);
  }

  async remove(identity: Identity): Promise<void> {
    // Most clients ask for a clean session every time, and there is nothing to remove: no commit for that.
    if ((await this.load(identity)) === undefined) return;
    await this.parts.commits.run(async (trx) => {
      await trx
        .deleteFrom('session')
        .where('device_id', '=', identity.deviceId)
        .where('module_id', '=', identity.moduleId ?? '')
        .execute();
    }, identity.deviceId);
  }
}

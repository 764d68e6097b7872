// Which replica holds the connection of an identity: a row with an epoch that rises with every CONNECT anywhere.
//
// INVARIANTS
// - A connection is claimed after its proof and before its CONNACK; from then on what an older one writes is refused.
// - A replica that hears of a newer claim, of a deletion or of a disabled device closes its connection; each minute it looks for itself.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { Replicas } from '../replicas/replicas.ts';
import type { CommitGroup } from '../store/commit-group.ts';
import { shared } from '../store/engine.ts';
import type { Db } from '../store/tables.ts';

const REVIEW_MS = 60_000;
/** Devices of one question to the store. */
const REVIEW_DEVICES = 500;

export interface OwnershipParts {
  db: Db;
  commits: CommitGroup;
  clock: Clock;
  logger: Logger;
  replicas: Replicas;
  /** Closes the connection of the identity, if it is still this one. */
  kick(identity: Identity, why: string, epoch: number): void;
}

interface HeldConnection {
  identity: Identity;
  /** The gateway's. */
  epoch: number;
  fence: number;
}

export class Ownership {
  readonly #parts: OwnershipParts;
  /** By device id, then client id. */
  readonly #held = new Map<string, Map<string, HeldConnection>>();
  readonly #unsubscribe: (() => void)[];
  readonly #closing = new AbortController();
  readonly #reviewing = new Set<Promise<void>>();

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    const { replicas } = parts;
    this.#unsubscribe = [
      replicas.on('identity', (ids) => this.review(ids.map((id) => id.split('/')[0]!))),
      replicas.onGap(() => {
        this.#keep(this.#reassert());
        this.review([...this.#held.keys()]);
      }),
    ];
    if (replicas.number !== 0) this.#keep(this.#run());
  }

  /** The epoch of the newest connection, which is the caller's now. */
  async claim(identity: Identity): Promise<number> {
    const { commits, replicas } = this.#parts;
    const key = keyOf(identity);
    const epoch = await commits.run(async (trx) => {
      const row = await trx
        .insertInto('connection')
        .values({ ...key, replica: replicas.number, epoch: 1 })
        .onConflict((conflict) =>
          conflict.columns(['device_id', 'module_id']).doUpdateSet((of) => ({
            replica: replicas.number,
            epoch: of('connection.epoch', '+', 1),
          })),
        )
        .returning('epoch')
        .executeTakeFirstOrThrow();
      return row.epoch;
    }, identity.deviceId);
    replicas.publish('identity', [clientIdOf(identity)]);
    return epoch;
  }

  entered(identity: Identity, epoch: number, fence: number): void {
    const ofDevice = this.#held.get(identity.deviceId) ?? new Map<string, HeldConnection>();
    this.#held.set(identity.deviceId, ofDevice.set(clientIdOf(identity), { identity, epoch, fence }));
    this.review([identity.deviceId]);
  }

  left(identity: Identity, epoch: number): void {
    const ofDevice = this.#held.get(identity.deviceId);
    if (ofDevice?.get(clientIdOf(identity))?.epoch !== epoch) return;
    ofDevice.delete(clientIdOf(identity));
    if (ofDevice.size === 0) this.#held.delete(identity.deviceId);
  }

  /** The replica that an identity is connected to now; undefined = none. */
  async ownerOf(identity: Identity): Promise<number | undefined> {
    const { device_id, module_id } = keyOf(identity);
    const row = await this.#parts.db
      .selectFrom('connection')
      .innerJoin('identity', (join) =>
        join
          .onRef('identity.device_id', '=', 'connection.device_id')
          .onRef('identity.module_id', '=', 'connection.module_id'),
      )
      .select('connection.replica')
      .where('connection.device_id', '=', device_id)
      .where('connection.module_id', '=', module_id)
      .where('identity.connected', '=', 1)
      .executeTakeFirst();
    return row?.replica;
  }

  /** Looks at the connections of these devices; those that are not to be here are closed. */
  review(deviceIds: readonly string[]): void {
    const mine = [...new Set(deviceIds)].filter((deviceId) => this.#held.has(deviceId));
    for (let from = 0; from < mine.length; from += REVIEW_DEVICES) {
      this.#keep(this.#reviewDevices(mine.slice(from, from + REVIEW_DEVICES)));
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const stop of this.#unsubscribe) stop();
    await Promise.all(this.#reviewing);
  }

  /** While the line was down the leading replica may have taken this one for dead, and its devices for disconnected. */
  async #reassert(): Promise<void> {
    for (const ofDevice of this.#held.values()) {
      for (const { identity, fence } of [...ofDevice.values()]) {
        const { device_id, module_id } = keyOf(identity);
        await this.#parts.commits.run(async (trx) => {
          await trx
            .updateTable('identity')
            .set({ connected: 1 })
            .where('device_id', '=', device_id)
            .where('module_id', '=', module_id)
            .where('connected', '=', 0)
            .where((of) =>
              of.exists(
                of
                  .selectFrom('connection')
                  .select('epoch')
                  .where('connection.device_id', '=', device_id)
                  .where('connection.module_id', '=', module_id)
                  .where('epoch', '=', fence),
              ),
            )
            .execute();
        }, identity.deviceId);
      }
    }
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(REVIEW_MS, signal).catch(() => undefined);
      if (!signal.aborted) this.review([...this.#held.keys()]);
    }
  }

  async #reviewDevices(deviceIds: readonly string[]): Promise<void> {
    const rows = await this.#parts.db
      .selectFrom('identity')
      .leftJoin('connection', (join) =>
        join
          .onRef('identity.device_id', '=', 'connection.device_id')
          .onRef('identity.module_id', '=', 'connection.module_id'),
      )
      .select(['identity.device_id', 'identity.module_id', 'identity.status', 'connection.epoch'])
      .where('identity.device_id', 'in', deviceIds)
      .execute();
    const known = new Map(rows.map((row) => [JSON.stringify([row.device_id, row.module_id]), row]));
    for (const deviceId of deviceIds) {
      for (const one of [...(this.#held.get(deviceId)?.values() ?? [])]) {
        const device = known.get(JSON.stringify([deviceId, '']));
        const row = known.get(JSON.stringify([deviceId, one.identity.moduleId ?? '']));
        const why = faultOf(one, device, row);
        if (why !== undefined) this.#parts.kick(one.identity, why, one.epoch);
      }
    }
  }

  #keep(work: Promise<void>): void {
    const kept = work
      .catch((error) => this.#parts.logger.error('Cannot review connections', { error: describeError(error) }))
      .finally(() => this.#reviewing.delete(kept));
    this.#reviewing.add(kept);
  }
}

/** Within a writing transaction: until it ends nobody can claim the identity. CLOUD_CONNECTION_TAKEN_OVER. */
export async function requireFence(trx: Db, identity: Identity, fence: number | undefined): Promise<void> {
  if (fence === undefined) return;
  const { device_id, module_id } = keyOf(identity);
  const query = trx
    .selectFrom('connection')
    .select('epoch')
    .where('device_id', '=', device_id)
    .where('module_id', '=', module_id);
  const row = await shared(trx, query).executeTakeFirst();
  if (row?.epoch !== fence) throw takenOver(identity);
}

export function takenOver(identity: Identity): Error {
  const name = clientIdOf(identity);
  return refusal(
    'CLOUD_CONNECTION_TAKEN_OVER',
    `Cannot write for "${name}": a newer connection of it took the place of this one`,
  );
}

type IdentityStanding = { status: string; epoch: number | null };

function faultOf(
  one: HeldConnection,
  device: IdentityStanding | undefined,
  own: IdentityStanding | undefined,
): string | undefined {
  if (!own || !device) return 'the identity was deleted';
  if (device.status !== 'enabled') return 'the device is disabled';
  return own.epoch === one.fence ? undefined : 'a newer connection at another replica took its place';
}

function keyOf({ deviceId, moduleId }: Identity): { device_id: string; module_id: string } {
  return { device_id: deviceId, module_id: moduleId ?? '' };
}

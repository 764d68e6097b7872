// Desired patches to the connections of this replica, whichever replica made them: read from the store in the order of their versions.
//
// INVARIANTS
// - A connection gets every patch committed after it was entered, once, in order; those before it belong to the twin that it reads.
// - Notices only say that there is something: a lost one is made up for by the next, or after a gap.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import type { Replicas } from '../replicas/replicas.ts';
import type { Db } from '../store/tables.ts';

/** Patches are kept this long for a replica that lost its line to the others. */
export const PATCH_AGE_MS_MAX = 600_000;
/** Clocks of replicas may differ by this much. */
const CLOCK_SKEW_MS = 60_000;

export interface DesiredDeliveryParts {
  db: Db;
  clock: Clock;
  logger: Logger;
  replicas: Replicas;
  deliver(identity: Identity, patch: JsonObject, version: number): void;
}

interface Receiver {
  identity: Identity;
  epoch: number;
  /** Version of the newest patch that it got, or had when it came. */
  version: number;
  tail: Promise<void>;
}

export class DesiredDelivery {
  readonly #parts: DesiredDeliveryParts;
  readonly #receivers = new Map<string, Receiver>();
  readonly #unsubscribe: (() => void)[];
  #catchingUp: Promise<void> = Promise.resolve();

  constructor(parts: DesiredDeliveryParts) {
    this.#parts = parts;
    this.#unsubscribe = [
      parts.replicas.on('desired', (ids) => {
        for (const id of ids) this.pump(id);
      }),
      parts.replicas.onGap((sinceMs) => {
        this.#catchingUp = this.#catchUp(sinceMs);
      }),
    ];
  }

  entered(identity: Identity, epoch: number): void {
    const receiver: Receiver = { identity, epoch, version: 0, tail: Promise.resolve() };
    this.#receivers.set(clientIdOf(identity), receiver);
    this.#then(receiver, async () => {
      const row = await this.#parts.db
        .selectFrom('twin')
        .select('desired_version')
        .where('device_id', '=', identity.deviceId)
        .where('module_id', '=', identity.moduleId ?? '')
        .executeTakeFirst();
      receiver.version = row?.desired_version ?? 0;
    });
  }

  left(identity: Identity, epoch: number): void {
    const clientId = clientIdOf(identity);
    if (this.#receivers.get(clientId)?.epoch === epoch) this.#receivers.delete(clientId);
  }

  /** There may be patches for this client. */
  pump(clientId: string): void {
    const receiver = this.#receivers.get(clientId);
    if (receiver) this.#then(receiver, () => this.#deliver(receiver));
  }

  /** Resolves when what was heard of is delivered. */
  async idle(): Promise<void> {
    await this.#catchingUp;
    await Promise.all([...this.#receivers.values()].map((receiver) => receiver.tail));
  }

  async close(): Promise<void> {
    for (const stop of this.#unsubscribe) stop();
    await this.idle();
  }

  async #deliver(receiver: Receiver): Promise<void> {
    const { identity } = receiver;
    if (this.#receivers.get(clientIdOf(identity)) !== receiver) return;
    const rows = await this.#parts.db
      .selectFrom('desired_patch')
      .select(['patch', 'version'])
      .where('device_id', '=', identity.deviceId)
      .where('module_id', '=', identity.moduleId ?? '')
      .where('version', '>', receiver.version)
      .orderBy('version')
      .execute();
    for (const { patch, version } of rows) {
      this.#parts.deliver(identity, JSON.parse(patch) as JsonObject, version);
      receiver.version = version;
    }
  }

  async #catchUp(sinceMs: number): Promise<void> {
    try {
      const rows = await this.#parts.db
        .selectFrom('desired_patch')
        .select(['device_id', 'module_id'])
        .distinct()
        .where('at_ms', '>=', sinceMs - CLOCK_SKEW_MS)
        .execute();
      for (const { device_id, module_id } of rows) {
        this.pump(
          clientIdOf(module_id === '' ? { deviceId: device_id } : { deviceId: device_id, moduleId: module_id }),
        );
      }
    } catch (error) {
      this.#parts.logger.error('Cannot read patches after a gap', { error: describeError(error) });
    }
  }

  #then(receiver: Receiver, work: () => Promise<void>): void {
    receiver.tail = receiver.tail.then(work).catch((error) =>
      this.#parts.logger.error('Cannot deliver desired properties', {
        client: clientIdOf(receiver.identity),
        error: describeError(error),
      }),
    );
  }
}

/** Removes patches that no line can be behind any more. */
export async function pruneDesiredPatches(db: Db, nowMs: number): Promise<void> {
  await db
    .deleteFrom('desired_patch')
    .where('at_ms', '<', nowMs - PATCH_AGE_MS_MAX)
    .execute();
}

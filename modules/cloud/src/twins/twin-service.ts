// Twin calls of back ends and clients: one transaction each, told on the bus after the commit.

import type { Clock } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { markDue } from '../deployments/evaluation-queue.ts';
import type { Actor, Twin } from '../platform.ts';
import type { PlatformBus } from '../platform-events.ts';
import type { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import {
  type ChangedTwin,
  changeTwin,
  holdTwin,
  patchReported,
  readTwin,
  requireTwin,
  type TwinChange,
} from './twin-rows.ts';

export class TwinService {
  private readonly parts: { db: Db; commits: CommitGroup; clock: Clock; bus: PlatformBus };

  constructor(parts: { db: Db; commits: CommitGroup; clock: Clock; bus: PlatformBus }) {
    this.parts = parts;
  }

  async get(deviceId: string, moduleId?: string): Promise<Twin | undefined> {
    return await readTwin(this.parts.db, deviceId, moduleId);
  }

  /** CLOUD_DEVICE_NOT_FOUND, CLOUD_MODULE_NOT_FOUND. */
  async require(deviceId: string, moduleId?: string): Promise<Twin> {
    return await requireTwin(this.parts.db, deviceId, moduleId);
  }

  /** Changes tags and desired properties when `ifMatch` (etag or '*') holds. */
  async change(
    deviceId: string,
    moduleId: string | undefined,
    change: TwinChange,
    ifMatch: string,
    by: Actor = '',
  ): Promise<Twin> {
    const { commits, clock, bus } = this.parts;
    const changed = await commits.run(async (trx) => {
      const done = await changeTwin(trx, await holdTwin(trx, deviceId, moduleId), change, ifMatch, clock.nowMs());
      // Target conditions read tags: the device is due with the change, so that no crash comes between.
      if (done.tagsChanged) await markDue(trx, [deviceId], by, clock.nowMs());
      return done;
    }, deviceId);
    this.tellDesired(changed, by);
    if (changed.tagsChanged) bus.emit('tags', { deviceId, atMs: clock.nowMs(), by });
    return changed.twin;
  }

  /** Merges a client's reported patch; resolves with the new version when it is on disk. `guard` refuses it within the same commit. */
  async report(
    deviceId: string,
    moduleId: string | undefined,
    patch: JsonObject,
    ifVersion: number | undefined,
    guard?: (trx: Db) => Promise<void>,
  ): Promise<number> {
    const { commits, clock, bus } = this.parts;
    const atMs = clock.nowMs();
    const version = await commits.run(async (trx) => {
      await guard?.(trx);
      return await patchReported(trx, await holdTwin(trx, deviceId, moduleId), patch, ifVersion, atMs);
    }, deviceId);
    bus.emit('reported', { deviceId, ...(moduleId === undefined ? {} : { moduleId }), patch, version, atMs });
    return version;
  }

  /** After the commit of a change: connected clients and listeners learn of it. */
  tellDesired(changed: ChangedTwin, by: Actor): void {
    const { twin, desiredPatch } = changed;
    if (!desiredPatch) return;
    this.parts.bus.emit('desired', {
      deviceId: twin.deviceId,
      ...(twin.moduleId === undefined ? {} : { moduleId: twin.moduleId }),
      patch: desiredPatch,
      version: twin.desiredVersion,
      atMs: this.parts.clock.nowMs(),
      by,
    });
  }
}

// The device and module registry: every change is one transaction with its etag check, told on the bus after the commit.

import type { Clock } from '@wayside/kit';
import { markDue } from '../deployments/evaluation-queue.ts';
import { refusal } from '../errors.ts';
import type { DeviceIdentity, ModuleIdentity } from '../platform.ts';
import type { PlatformBus } from '../platform-events.ts';
import type { Db } from '../store/tables.ts';
import { checkIdentityId, SYSTEM_MODULES } from './identity-id.ts';
import type { IdentityInput } from './identity-input.ts';
import { type IdentityRow, toDevice, toModule } from './identity-record.ts';
import {
  changeRow,
  deleteIdentityRows,
  insertDevice,
  insertModule,
  insertSystemModules,
  readIdentity,
  readModules,
  requireIdentity,
  writeRow,
} from './identity-rows.ts';
import { generateKey, newEtag } from './keys.ts';

export const KEY_ROTATIONS = ['primary', 'secondary', 'both', 'swap'] as const;
export type KeyRotation = (typeof KEY_ROTATIONS)[number];

/** An If-Match value without quotes: an etag or '*'. */
export type IfMatch = string;

export interface RegistryParts {
  db: Db;
  clock: Clock;
  bus: PlatformBus;
}

export class Registry {
  private readonly db: Db;
  private readonly clock: Clock;
  private readonly bus: PlatformBus;

  constructor(parts: RegistryParts) {
    this.db = parts.db;
    this.clock = parts.clock;
    this.bus = parts.bus;
  }

  async getDevice(deviceId: string): Promise<DeviceIdentity | undefined> {
    const row = await readIdentity(this.db, deviceId);
    return row && toDevice(row);
  }

  async getModule(deviceId: string, moduleId: string): Promise<ModuleIdentity | undefined> {
    const row = await readIdentity(this.db, deviceId, moduleId);
    return row && toModule(row);
  }

  /** In order of device id; `top` limits. */
  async listDevices(top?: number): Promise<DeviceIdentity[]> {
    let query = this.db.selectFrom('identity').selectAll().where('module_id', '=', '').orderBy('device_id');
    if (top !== undefined) query = query.limit(top);
    return (await query.execute()).map(toDevice);
  }

  /** CLOUD_DEVICE_NOT_FOUND when the device is missing. */
  async listModules(deviceId: string): Promise<ModuleIdentity[]> {
    await requireIdentity(this.db, deviceId);
    return (await readModules(this.db, deviceId)).map(toModule);
  }

  async createDevice(deviceId: string, input: IdentityInput): Promise<DeviceIdentity> {
    checkIdentityId('device', deviceId);
    const row = await this.write(async (trx, nowMs) => {
      const made = await insertDevice(trx, deviceId, input, nowMs);
      await markDue(trx, [deviceId], '', nowMs);
      return made;
    });
    this.tell(deviceId, undefined, 'created');
    if (row.iot_edge === 1) for (const moduleId of SYSTEM_MODULES) this.tell(deviceId, moduleId, 'created');
    return toDevice(row);
  }

  async updateDevice(deviceId: string, input: IdentityInput, ifMatch: IfMatch): Promise<DeviceIdentity> {
    const { before, after } = await this.write(async (trx, nowMs) => {
      const changed = await updateDeviceRows(trx, deviceId, input, ifMatch, nowMs);
      if (changed.before.iot_edge !== changed.after.iot_edge) await markDue(trx, [deviceId], '', nowMs);
      return changed;
    });
    this.tell(deviceId, undefined, 'updated');
    if (before.iot_edge !== after.iot_edge) {
      for (const moduleId of SYSTEM_MODULES) this.tell(deviceId, moduleId, 'created');
    }
    return toDevice(after);
  }

  async deleteDevice(deviceId: string, ifMatch: IfMatch): Promise<void> {
    const removed = await this.write(async (trx) => {
      requireEtag(await requireIdentity(trx, deviceId), ifMatch);
      return await deleteIdentityRows(trx, deviceId, '');
    });
    for (const moduleId of removed) this.tell(deviceId, moduleId === '' ? undefined : moduleId, 'deleted');
  }

  async createModule(deviceId: string, moduleId: string, input: IdentityInput): Promise<ModuleIdentity> {
    checkIdentityId('module', moduleId);
    const row = await this.write(async (trx, nowMs) => {
      await requireIdentity(trx, deviceId);
      const made = await insertModule(trx, deviceId, moduleId, input, nowMs);
      await markDue(trx, [deviceId], '', nowMs);
      return made;
    });
    this.tell(deviceId, moduleId, 'created');
    return toModule(row);
  }

  async updateModule(
    deviceId: string,
    moduleId: string,
    input: IdentityInput,
    ifMatch: IfMatch,
  ): Promise<ModuleIdentity> {
    const row = await this.write(async (trx, nowMs) => {
      const before = await requireIdentity(trx, deviceId, moduleId);
      requireEtag(before, ifMatch);
      const after = changeRow(before, { ...input, iotEdge: undefined }, nowMs);
      await writeRow(trx, after);
      return after;
    });
    this.tell(deviceId, moduleId, 'updated');
    return toModule(row);
  }

  async deleteModule(deviceId: string, moduleId: string, ifMatch: IfMatch): Promise<void> {
    await this.write(async (trx, nowMs) => {
      const row = await requireIdentity(trx, deviceId, moduleId);
      requireEtag(row, ifMatch);
      if (SYSTEM_MODULES.includes(moduleId)) {
        throw refusal('CLOUD_MODULE_SYSTEM', `Cannot delete module "${moduleId}": it goes with device "${deviceId}"`);
      }
      await markDue(trx, [deviceId], '', nowMs);
      return await deleteIdentityRows(trx, deviceId, moduleId);
    });
    this.tell(deviceId, moduleId, 'deleted');
  }

  /** New keys: `primary`, `secondary` or `both` are made anew, `swap` exchanges them. Throws CLOUD_ARGUMENT_INVALID for an identity without keys. */
  async rotateKeys(
    deviceId: string,
    moduleId: string | undefined,
    which: KeyRotation,
  ): Promise<{ primaryKey: string; secondaryKey: string }> {
    const keys = await this.write(async (trx) => {
      const row = await requireIdentity(trx, deviceId, moduleId);
      const { primary_key: primary, secondary_key: secondary } = row;
      if (row.auth_type !== 'sas' || primary === null || secondary === null) {
        throw refusal(
          'CLOUD_ARGUMENT_INVALID',
          `Cannot renew keys of "${deviceId}": authentication.type is ${row.auth_type}, wanted sas`,
        );
      }
      const swapped = which === 'swap';
      const after = {
        primaryKey: swapped ? secondary : which === 'secondary' ? primary : generateKey(),
        secondaryKey: swapped ? primary : which === 'primary' ? secondary : generateKey(),
      };
      await writeRow(trx, {
        ...row,
        primary_key: after.primaryKey,
        secondary_key: after.secondaryKey,
        etag: newEtag(),
      });
      return after;
    });
    this.tell(deviceId, moduleId, 'updated');
    return keys;
  }

  async countDevices(): Promise<{ total: number; enabled: number; connected: number }> {
    const row = await this.db
      .selectFrom('identity')
      .select((of) => [
        of.fn.countAll<number>().as('total'),
        of.fn.sum<number | null>(of.case().when('status', '=', 'enabled').then(1).else(0).end()).as('enabled'),
        of.fn.sum<number | null>('connected').as('connected'),
      ])
      .where('module_id', '=', '')
      .executeTakeFirstOrThrow();
    return { total: row.total, enabled: row.enabled ?? 0, connected: row.connected ?? 0 };
  }

  /** Tells listeners of changes that another writer (deployment) committed. */
  tell(deviceId: string, moduleId: string | undefined, change: 'created' | 'updated' | 'deleted'): void {
    this.bus.emit('identity', {
      deviceId,
      ...(moduleId === undefined ? {} : { moduleId }),
      change,
      atMs: this.clock.nowMs(),
    });
  }

  private write<T>(change: (trx: Db, nowMs: number) => Promise<T>): Promise<T> {
    return this.db.transaction().execute((trx) => change(trx, this.clock.nowMs()));
  }
}

async function updateDeviceRows(trx: Db, deviceId: string, input: IdentityInput, ifMatch: IfMatch, nowMs: number) {
  const before = await requireIdentity(trx, deviceId);
  requireEtag(before, ifMatch);
  if (before.iot_edge === 1 && input.iotEdge === false) {
    throw refusal(
      'CLOUD_ARGUMENT_INVALID',
      `Cannot take capabilities.iotEdge from device "${deviceId}": it is true, delete the device and make it anew`,
    );
  }
  const after = changeRow(before, input, nowMs);
  await writeRow(trx, after);
  if (before.iot_edge === 0 && after.iot_edge === 1) await insertSystemModules(trx, deviceId, nowMs);
  return { before, after };
}

function requireEtag(row: IdentityRow, ifMatch: IfMatch): void {
  if (ifMatch === '*' || ifMatch === row.etag) return;
  const name = row.module_id === '' ? row.device_id : `${row.device_id}/${row.module_id}`;
  throw refusal(
    'CLOUD_ETAG_MISMATCH',
    `Cannot change "${name}": its etag is "${row.etag}", If-Match names "${ifMatch}"`,
  );
}

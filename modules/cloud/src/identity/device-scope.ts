// What an edge hub may know: its own device with its modules, and the devices and modules whose scope it is, with their keys,
// so that it can authenticate them while it is offline (cloud.md 2.9).

import { refusal } from '../errors.ts';
import type { DeviceIdentity, ModuleIdentity } from '../platform.ts';
import type { Db } from '../store/tables.ts';
import { type IdentityRow, toDevice, toModule } from './identity-record.ts';
import { readIdentity, readModules, requireIdentity } from './identity-rows.ts';

/** Devices in an authChain: the original nests five deep. */
const CHAIN_DEVICES_MAX = 10;

export interface ScopePage {
  devices: DeviceIdentity[];
  modules: ModuleIdentity[];
  /** Where the next page starts: the last device of this one; undefined at the end. */
  next?: string;
}

/** A page of at most `count` devices after `after`, each with all its modules; the edge device itself is among them. */
export async function readScope(db: Db, edgeDeviceId: string, count: number, after: string): Promise<ScopePage> {
  const edge = await requireEdge(db, edgeDeviceId);
  const rows = await db
    .selectFrom('identity')
    .selectAll()
    .where('module_id', '=', '')
    .where((of) => of.or([of('device_id', '=', edgeDeviceId), of('parent_scopes', '=', childMark(edge))]))
    .where('device_id', '>', after)
    .orderBy('device_id')
    .limit(count + 1)
    .execute();
  const page = rows.slice(0, count);
  const modules: ModuleIdentity[] = [];
  for (const row of page) modules.push(...(await readModules(db, row.device_id)).map(toModule));
  const last = page.at(-1);
  return { devices: page.map(toDevice), modules, ...(rows.length > count && last ? { next: last.device_id } : {}) };
}

/** One device, or one module with its device; CLOUD_DEVICE_NOT_FOUND when it is not in the scope: others learn nothing of it. */
export async function readScopeTarget(
  db: Db,
  edgeDeviceId: string,
  targetDeviceId: string,
  targetModuleId: string | undefined,
): Promise<ScopePage> {
  const edge = await requireEdge(db, edgeDeviceId);
  const device = await readIdentity(db, targetDeviceId);
  if (!device || !(device.device_id === edgeDeviceId || device.parent_scopes === childMark(edge))) {
    throw refusal('CLOUD_DEVICE_NOT_FOUND', `No device "${targetDeviceId}" in the scope of "${edgeDeviceId}"`);
  }
  if (targetModuleId === undefined) return { devices: [toDevice(device)], modules: [] };
  return {
    devices: [toDevice(device)],
    modules: [toModule(await requireIdentity(db, targetDeviceId, targetModuleId))],
  };
}

/**
 * The device an edge hub asks for in the name of: `chain` runs from the target up to the asking device, `;` between (nested edge).
 * Throws CLOUD_FORBIDDEN unless each device is a child of the next and the last is the asking one.
 */
export async function requireChain(db: Db, actorDeviceId: string, chain: string): Promise<string> {
  const deviceIds = chain.split(';').filter((deviceId) => deviceId !== '');
  const target = deviceIds[0];
  if (target === undefined || deviceIds.length > CHAIN_DEVICES_MAX || deviceIds.at(-1) !== actorDeviceId) {
    throw refusal('CLOUD_FORBIDDEN', `Cannot act by authChain "${chain}": it does not end with "${actorDeviceId}"`);
  }
  for (const [index, parentId] of deviceIds.slice(1).entries()) {
    const parent = await requireEdge(db, parentId);
    const child = await readIdentity(db, deviceIds[index] ?? '');
    if (child?.parent_scopes !== childMark(parent)) {
      throw refusal(
        'CLOUD_FORBIDDEN',
        `Cannot act by authChain "${chain}": "${deviceIds[index]}" is no child of "${parentId}"`,
      );
    }
  }
  return target;
}

/** parent_scopes of the devices below an edge device: leaf devices and edge devices alike. */
function childMark(edge: IdentityRow): string {
  return JSON.stringify([edge.device_scope]);
}

async function requireEdge(db: Db, edgeDeviceId: string): Promise<IdentityRow> {
  const edge = await requireIdentity(db, edgeDeviceId);
  if (edge.iot_edge === 1) return edge;
  throw refusal(
    'CLOUD_NOT_EDGE_DEVICE',
    `Device "${edgeDeviceId}" has no scope: capabilities.iotEdge is false, wanted true`,
  );
}

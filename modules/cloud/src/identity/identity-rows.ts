// Reading and writing identities inside a caller's transaction: the parts that registry, bulk import and deployments share.

import { refusal } from '../errors.ts';
import type { Db, IdentityTable } from '../store/tables.ts';
import { insertTwin } from '../twins/twin-rows.ts';
import { EDGE_AGENT, EDGE_HUB } from './identity-id.ts';
import type { AuthenticationInput, IdentityInput } from './identity-input.ts';
import type { IdentityRow } from './identity-record.ts';
import { generateKey, newEtag, newGenerationId } from './keys.ts';

/** Modules of one device, $edgeAgent and $edgeHub among them (IoT Hub: 50). */
export const MODULES_PER_DEVICE_MAX = 50;
export const MANAGED_BY_EDGE = 'iotEdge';

export async function readIdentity(db: Db, deviceId: string, moduleId = ''): Promise<IdentityRow | undefined> {
  return await db
    .selectFrom('identity')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('module_id', '=', moduleId)
    .executeTakeFirst();
}

export type IdentityStanding = Pick<IdentityRow, 'auth_type' | 'primary_key' | 'secondary_key'> & { status: string };

/** What the proof of a token needs, in one query of the fewest secrets: an identity's own keys, and the status of its device. */
export async function readStanding(db: Db, deviceId: string, moduleId = ''): Promise<IdentityStanding | undefined> {
  return await db
    .selectFrom('identity as own')
    .innerJoin('identity as device', 'device.device_id', 'own.device_id')
    .select(['own.auth_type', 'own.primary_key', 'own.secondary_key', 'device.status'])
    .where('own.device_id', '=', deviceId)
    .where('own.module_id', '=', moduleId)
    .where('device.module_id', '=', '')
    .executeTakeFirst();
}

/** Throws CLOUD_DEVICE_NOT_FOUND or CLOUD_MODULE_NOT_FOUND. */
export async function requireIdentity(db: Db, deviceId: string, moduleId = ''): Promise<IdentityRow> {
  const row = await readIdentity(db, deviceId, moduleId);
  if (row) return row;
  // A module of a missing device is told as a missing device, as the original does.
  if (moduleId !== '' && (await readIdentity(db, deviceId))) {
    throw refusal('CLOUD_MODULE_NOT_FOUND', `No module "${moduleId}" on device "${deviceId}"`);
  }
  throw refusal('CLOUD_DEVICE_NOT_FOUND', `No device "${deviceId}" in the registry`);
}

export async function readModules(db: Db, deviceId: string): Promise<IdentityRow[]> {
  return await db
    .selectFrom('identity')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('module_id', '!=', '')
    .orderBy('module_id')
    .execute();
}

/** Inserts a device with its twin; an edge device gets its system modules too. Throws CLOUD_DEVICE_EXISTS. */
export async function insertDevice(
  db: Db,
  deviceId: string,
  input: IdentityInput,
  nowMs: number,
): Promise<IdentityRow> {
  if (await readIdentity(db, deviceId)) {
    throw refusal('CLOUD_DEVICE_EXISTS', `Device "${deviceId}" exists already: the registry takes an id once`);
  }
  const row = newRow(deviceId, '', input, nowMs);
  row.iot_edge = input.iotEdge ? 1 : 0;
  setScopes(row, input);
  await insertRow(db, row, nowMs);
  if (row.iot_edge === 1) await insertSystemModules(db, deviceId, nowMs);
  return row;
}

export async function insertSystemModules(db: Db, deviceId: string, nowMs: number): Promise<void> {
  for (const moduleId of [EDGE_AGENT, EDGE_HUB]) {
    await insertModule(db, deviceId, moduleId, { managedBy: MANAGED_BY_EDGE }, nowMs);
  }
}

/** Inserts a module with its twin. Throws CLOUD_MODULE_EXISTS, CLOUD_MODULE_LIMIT; the device must be there. */
export async function insertModule(
  db: Db,
  deviceId: string,
  moduleId: string,
  input: IdentityInput,
  nowMs: number,
): Promise<IdentityRow> {
  const modules = await readModules(db, deviceId);
  if (modules.some((module) => module.module_id === moduleId)) {
    throw refusal('CLOUD_MODULE_EXISTS', `Module "${moduleId}" exists already on device "${deviceId}"`);
  }
  if (modules.length >= MODULES_PER_DEVICE_MAX) {
    throw refusal(
      'CLOUD_MODULE_LIMIT',
      `Cannot add module "${moduleId}" to device "${deviceId}": it has ${modules.length} modules, at most ${MODULES_PER_DEVICE_MAX} are allowed`,
    );
  }
  const row = newRow(deviceId, moduleId, input, nowMs);
  row.managed_by = input.managedBy ?? null;
  await insertRow(db, row, nowMs);
  return row;
}

/** Applies what `input` names to a row; the etag is new. The caller writes it. */
export function changeRow(row: IdentityRow, input: IdentityInput, nowMs: number): IdentityRow {
  const changed: IdentityRow = { ...row, etag: newEtag() };
  if (input.status !== undefined && input.status !== row.status) {
    changed.status = input.status;
    changed.status_updated_ms = nowMs;
  }
  if (input.statusReason !== undefined) changed.status_reason = input.statusReason;
  if (input.authentication) setAuthentication(changed, input.authentication);
  if (input.managedBy !== undefined && row.module_id !== '') changed.managed_by = input.managedBy;
  if (input.iotEdge === true) changed.iot_edge = 1;
  setScopes(changed, input);
  return changed;
}

export async function writeRow(db: Db, row: IdentityRow): Promise<void> {
  await db
    .updateTable('identity')
    .set(row)
    .where('device_id', '=', row.device_id)
    .where('module_id', '=', row.module_id)
    .execute();
}

/** Removes an identity; twin and session go by foreign key, a device takes its modules and history along. Returns the removed module ids ('' = the device). */
export async function deleteIdentityRows(db: Db, deviceId: string, moduleId: string): Promise<string[]> {
  const removed = moduleId === '' ? (await readModules(db, deviceId)).map((row) => row.module_id) : [];
  for (const table of ['identity', 'telemetry', 'last_message'] as const) {
    let query = db.deleteFrom(table).where('device_id', '=', deviceId);
    if (moduleId !== '') query = query.where('module_id', '=', moduleId);
    // A removed module's messages stay in the history of its device.
    if (moduleId === '' || table !== 'telemetry') await query.execute();
  }
  if (moduleId === '') await forgetDeployments(db, deviceId);
  return [...removed, moduleId];
}

/** Rows by device alone: a device made anew under the same id must not inherit them. */
async function forgetDeployments(db: Db, deviceId: string): Promise<void> {
  for (const table of ['device_deployment', 'deployment_history', 'evaluation_due'] as const) {
    await db.deleteFrom(table).where('device_id', '=', deviceId).execute();
  }
}

async function insertRow(db: Db, row: IdentityTable, nowMs: number): Promise<void> {
  await db.insertInto('identity').values(row).execute();
  await insertTwin(db, row.device_id, row.module_id, nowMs);
}

function newRow(deviceId: string, moduleId: string, input: IdentityInput, nowMs: number): IdentityRow {
  const row: IdentityRow = {
    device_id: deviceId,
    module_id: moduleId,
    generation_id: newGenerationId(nowMs),
    etag: newEtag(),
    status: input.status ?? 'enabled',
    status_reason: input.statusReason ?? null,
    status_updated_ms: null,
    auth_type: 'sas',
    primary_key: null,
    secondary_key: null,
    primary_thumbprint: null,
    secondary_thumbprint: null,
    iot_edge: 0,
    device_scope: null,
    parent_scopes: '[]',
    managed_by: null,
    connected: 0,
    connection_updated_ms: null,
    last_activity_ms: null,
    created_ms: nowMs,
  };
  setAuthentication(row, input.authentication ?? { type: 'sas' });
  return row;
}

// Absent keys keep those there are: an update of the status must not lock the device out. Without any, both are made.
function setAuthentication(row: IdentityRow, input: AuthenticationInput): void {
  const wasSas = row.auth_type === 'sas';
  row.auth_type = input.type;
  const sas = input.type === 'sas';
  row.primary_key = sas ? (input.primaryKey ?? (wasSas ? row.primary_key : null) ?? generateKey()) : null;
  row.secondary_key = sas ? (input.secondaryKey ?? (wasSas ? row.secondary_key : null) ?? generateKey()) : null;
  const selfSigned = input.type === 'selfSigned';
  row.primary_thumbprint = selfSigned ? (input.primaryThumbprint ?? row.primary_thumbprint) : null;
  row.secondary_thumbprint = selfSigned ? (input.secondaryThumbprint ?? row.secondary_thumbprint) : null;
}

// An edge device has a scope of its own and names its parent in parentScopes; a leaf device's deviceScope is its parent's.
function setScopes(row: IdentityRow, input: IdentityInput): void {
  if (row.iot_edge === 1) {
    row.device_scope = edgeScope(row.device_id, row.generation_id);
    if (input.parentScopes) row.parent_scopes = JSON.stringify(input.parentScopes);
    return;
  }
  const parent = input.deviceScope ?? input.parentScopes?.[0];
  if (parent === undefined) return;
  row.device_scope = parent;
  row.parent_scopes = JSON.stringify([parent]);
}

function edgeScope(deviceId: string, generationId: string): string {
  return `ms-azure-iot-edge://${deviceId}-${generationId}`;
}

// Rows of the identity table as the records the rest of the module uses.

import type { Selectable } from 'kysely';
import type { DeviceIdentity, ModuleIdentity } from '../platform.ts';
import type { IdentityTable } from '../store/tables.ts';

export type IdentityRow = Selectable<IdentityTable>;

export function toDevice(row: IdentityRow): DeviceIdentity {
  return {
    deviceId: row.device_id,
    generationId: row.generation_id,
    etag: row.etag,
    status: row.status,
    statusReason: row.status_reason,
    statusUpdatedAtMs: row.status_updated_ms,
    authType: row.auth_type,
    primaryKey: row.primary_key,
    secondaryKey: row.secondary_key,
    primaryThumbprint: row.primary_thumbprint,
    secondaryThumbprint: row.secondary_thumbprint,
    iotEdge: row.iot_edge === 1,
    deviceScope: row.device_scope,
    parentScopes: JSON.parse(row.parent_scopes) as string[],
    connected: row.connected === 1,
    connectionUpdatedAtMs: row.connection_updated_ms,
    lastActivityAtMs: row.last_activity_ms,
  };
}

export function toModule(row: IdentityRow): ModuleIdentity {
  return { ...toDevice(row), moduleId: row.module_id, managedBy: row.managed_by };
}

// Module identities of a device follow its deployment: what it names is there, what a deployment made and none names is not.

import { deleteIdentityRows, insertModule, MANAGED_BY_EDGE } from '../identity/identity-rows.ts';
import type { Db } from '../store/tables.ts';

/** Removed first: a device at its module limit can still swap one module for another. Throws CLOUD_MODULE_LIMIT. */
export async function changeModules(
  trx: Db,
  deviceId: string,
  change: { create: readonly string[]; remove: readonly string[] },
  nowMs: number,
): Promise<void> {
  for (const moduleId of change.remove) await deleteIdentityRows(trx, deviceId, moduleId);
  for (const moduleId of change.create) {
    await insertModule(trx, deviceId, moduleId, { managedBy: MANAGED_BY_EDGE }, nowMs);
  }
}

// Locks a device and its modules out: new keys that nobody holds, and disabled until somebody says that the next one may come.
//
// INVARIANTS
// - The keys change before the device is disabled: at no moment does an old key open anything for longer than its connection lives, and
//   the news of the disabled device ends those on every replica.
// - Only a device that was locked out for this reason is let in again: one that an administrator disabled stays so.

import type { Registry } from './registry.ts';

type Identities = Pick<Registry, 'getDevice' | 'listModules' | 'rotateKeys' | 'updateDevice'>;

/** `reason` is kept as the status reason. CLOUD_DEVICE_NOT_FOUND. */
export async function lockOut(registry: Identities, deviceId: string, reason: string): Promise<void> {
  for (const { moduleId, authType } of await registry.listModules(deviceId)) {
    if (authType === 'sas') await registry.rotateKeys(deviceId, moduleId, 'both');
  }
  const device = await registry.getDevice(deviceId);
  if (device?.authType === 'sas') await registry.rotateKeys(deviceId, undefined, 'both');
  if (device?.status === 'enabled') {
    await registry.updateDevice(deviceId, { status: 'disabled', statusReason: reason }, '*');
  }
}

/** Undoes it, if that was the reason. */
export async function letIn(registry: Identities, deviceId: string, reason: string): Promise<void> {
  const device = await registry.getDevice(deviceId);
  if (device?.status !== 'disabled' || device.statusReason !== reason) return;
  await registry.updateDevice(deviceId, { status: 'enabled', statusReason: null }, '*');
}

// Devices and modules as IoT Hub's JSON (cloud.md 2.2, 2.3). Unset times are the year 1.

import type { DeviceIdentity, ModuleIdentity } from '../platform.ts';

const NEVER = '0001-01-01T00:00:00Z';

export function timeText(atMs: number | null): string {
  return atMs === null ? NEVER : new Date(atMs).toISOString();
}

export function deviceJson(device: DeviceIdentity, waitingMessages = 0) {
  return {
    deviceId: device.deviceId,
    generationId: device.generationId,
    etag: device.etag,
    connectionState: connectionState(device),
    status: device.status,
    statusReason: device.statusReason,
    connectionStateUpdatedTime: timeText(device.connectionUpdatedAtMs),
    statusUpdatedTime: timeText(device.statusUpdatedAtMs),
    lastActivityTime: timeText(device.lastActivityAtMs),
    cloudToDeviceMessageCount: waitingMessages,
    authentication: authenticationJson(device),
    capabilities: { iotEdge: device.iotEdge },
    ...(device.deviceScope === null ? {} : { deviceScope: device.deviceScope }),
    ...(device.parentScopes.length === 0 ? {} : { parentScopes: device.parentScopes }),
  };
}

export function moduleJson(module: ModuleIdentity) {
  return {
    moduleId: module.moduleId,
    managedBy: module.managedBy,
    deviceId: module.deviceId,
    generationId: module.generationId,
    etag: module.etag,
    connectionState: connectionState(module),
    connectionStateUpdatedTime: timeText(module.connectionUpdatedAtMs),
    lastActivityTime: timeText(module.lastActivityAtMs),
    cloudToDeviceMessageCount: 0,
    authentication: authenticationJson(module),
  };
}

export function connectionState(identity: DeviceIdentity): 'Connected' | 'Disconnected' {
  return identity.connected ? 'Connected' : 'Disconnected';
}

function authenticationJson(identity: DeviceIdentity) {
  return {
    symmetricKey: { primaryKey: identity.primaryKey, secondaryKey: identity.secondaryKey },
    x509Thumbprint: {
      primaryThumbprint: identity.primaryThumbprint,
      secondaryThumbprint: identity.secondaryThumbprint,
    },
    type: identity.authType,
  };
}

// A twin as IoT Hub's JSON (cloud.md 2.4): the sections with $metadata and $version, and fields of its identity.

import { connectionState, timeText } from '../identity/identity-json.ts';
import type { DeviceIdentity, Twin } from '../platform.ts';

/** `waitingMessages` = cloud-to-device messages that have not ended. */
export function twinJson(twin: Twin, identity: DeviceIdentity, waitingMessages = 0) {
  const isModule = twin.moduleId !== undefined;
  return {
    deviceId: twin.deviceId,
    ...(isModule ? { moduleId: twin.moduleId } : {}),
    etag: twin.etag,
    deviceEtag: identity.etag,
    status: identity.status,
    ...(identity.statusReason === null ? {} : { statusReason: identity.statusReason }),
    statusUpdateTime: timeText(identity.statusUpdatedAtMs),
    connectionState: connectionState(identity),
    lastActivityTime: timeText(identity.lastActivityAtMs),
    cloudToDeviceMessageCount: waitingMessages,
    authenticationType: identity.authType,
    x509Thumbprint: {
      primaryThumbprint: identity.primaryThumbprint,
      secondaryThumbprint: identity.secondaryThumbprint,
    },
    modelId: twin.modelId ?? '',
    version: twin.version,
    ...(isModule ? {} : { tags: twin.tags }),
    properties: {
      desired: { ...twin.desired, $metadata: twin.desiredMetadata, $version: twin.desiredVersion },
      reported: { ...twin.reported, $metadata: twin.reportedMetadata, $version: twin.reportedVersion },
    },
    ...(isModule
      ? {}
      : {
          capabilities: { iotEdge: identity.iotEdge },
          ...(identity.deviceScope === null ? {} : { deviceScope: identity.deviceScope }),
          ...(identity.parentScopes.length === 0 ? {} : { parentScopes: identity.parentScopes }),
        }),
    ...(Object.keys(twin.configurations).length === 0 ? {} : { configurations: twin.configurations }),
  };
}

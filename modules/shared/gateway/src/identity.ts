// Who is connected: a device or a module of a device, and the text forms that name it.

/** An authenticated device (`moduleId` absent) or module. Ids are case-sensitive and carry no encoding. */
export interface Identity {
  readonly deviceId: string;
  readonly moduleId?: string;
}

/** MQTT client id: `{deviceId}` or `{deviceId}/{moduleId}` (cloud.md 1.2). Ids hold no `/`, so the text is a unique key. */
export function clientIdOf(identity: Identity): string {
  return identity.moduleId === undefined ? identity.deviceId : `${identity.deviceId}/${identity.moduleId}`;
}

/** Inverse of clientIdOf; undefined when the text has an empty or a third part. */
export function parseClientId(clientId: string): Identity | undefined {
  const [deviceId, moduleId, ...rest] = clientId.split('/');
  if (!deviceId || moduleId === '' || rest.length > 0) return undefined;
  return moduleId === undefined ? { deviceId } : { deviceId, moduleId };
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.deviceId === b.deviceId && a.moduleId === b.moduleId;
}

// A device or module as the cloud's scope calls describe it: enabled or not, and the keys its tokens are checked with.

import { clientIdOf } from '@wayside/gateway';
import type { Json, JsonObject } from '@wayside/protocol';

export interface ServiceIdentity {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly enabled: boolean;
  /** base64, primary first; [] when the identity does not use SAS. Secret. */
  readonly keys: readonly string[];
  /** Upper-case hexadecimal SHA-1 or SHA-256 of self-signed client certificates. */
  readonly thumbprints: readonly string[];
}

/** undefined when the object names no device. */
export function parseServiceIdentity(json: Json | undefined): ServiceIdentity | undefined {
  const item = asObject(json);
  const deviceId = item.deviceId;
  if (typeof deviceId !== 'string' || deviceId === '') return undefined;
  const { symmetricKey, x509Thumbprint } = asObject(item.authentication);
  const keys = texts(asObject(symmetricKey), 'primaryKey', 'secondaryKey');
  const thumbprints = texts(asObject(x509Thumbprint), 'primaryThumbprint', 'secondaryThumbprint');
  const identity = {
    deviceId,
    // Modules carry no status of their own: absent means enabled.
    enabled: item.status === undefined || item.status === null || String(item.status).toLowerCase() === 'enabled',
    keys,
    thumbprints: thumbprints.map((text) => text.replaceAll(':', '').toUpperCase()),
  };
  return typeof item.moduleId === 'string' && item.moduleId !== ''
    ? { ...identity, moduleId: item.moduleId }
    : identity;
}

export function identityKey(identity: ServiceIdentity): string {
  return clientIdOf(identity);
}

function asObject(value: unknown): JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {};
}

function texts(object: JsonObject, ...names: string[]): string[] {
  return names
    .map((name) => object[name])
    .filter((value): value is string => typeof value === 'string' && value !== '');
}

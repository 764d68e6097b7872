// Module keys are derived, not stored: HMAC-SHA256 of `{moduleId}:{generationId}:primary|secondary` with the node's master
// identity key (iotedge.md 4.7). The same key comes out after every restart, so a module's signature needs no cloud.

import { createHmac } from 'node:crypto';

export interface ModuleKeys {
  /** 32 bytes each. */
  primary: Buffer;
  secondary: Buffer;
}

/** Both keys of one identity; pure. */
export function deriveModuleKeys(masterIdentityKey: Buffer, moduleId: string, generationId: string): ModuleKeys {
  const derive = (which: 'primary' | 'secondary') =>
    createHmac('sha256', masterIdentityKey).update(`${moduleId}:${generationId}:${which}`, 'utf8').digest();
  return { primary: derive('primary'), secondary: derive('secondary') };
}

/** HMAC-SHA256 of data, the one algorithm of the sign call. */
export function signWith(key: Buffer, data: Buffer): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

// Who this node is towards the cloud, and the file that keeps it across restarts (0600, written whole or not at all).

import { createHash } from 'node:crypto';
import { EdgeError, readJsonFile, Secret, writeJsonFile } from '@wayside/kit';

export interface DeviceIdentity {
  iothubHostname: string;
  deviceId: string;
  /** base64. */
  deviceKey: Secret;
  mqttPort: number;
  httpsPort: number;
  /** CA of the cloud (PEM); undefined = the system's roots. */
  caPem: string | undefined;
  /** Image of the first edgeAgent, when the registration named one. */
  agentImage: string | undefined;
}

interface IdentityFile {
  version: 1;
  /** Which provisioning settings this identity came from; other settings need a new one. */
  sourceId: string;
  iothubHostname: string;
  deviceId: string;
  deviceKey: string;
  mqttPort: number;
  httpsPort: number;
  caPem: string | null;
  agentImage: string | null;
}

/** The saved identity if it came from these settings; undefined otherwise. */
export async function loadIdentity(path: string, sourceId: string): Promise<DeviceIdentity | undefined> {
  const file = await readJsonFile<IdentityFile>(path);
  if (file === undefined || file.sourceId !== sourceId) return undefined;
  const texts = [file.iothubHostname, file.deviceId, file.deviceKey];
  if (file.version !== 1 || texts.some((text) => typeof text !== 'string' || text === '')) {
    throw new EdgeError(
      'DAEMON_STATE_UNREADABLE',
      `Cannot read the device identity in ${path}: fields are missing, wanted version 1`,
      {
        source: 'config',
      },
    );
  }
  return {
    iothubHostname: file.iothubHostname,
    deviceId: file.deviceId,
    deviceKey: new Secret(file.deviceKey),
    mqttPort: file.mqttPort,
    httpsPort: file.httpsPort,
    caPem: file.caPem ?? undefined,
    agentImage: file.agentImage ?? undefined,
  };
}

/** On disk when it resolves. */
export async function saveIdentity(path: string, sourceId: string, identity: DeviceIdentity): Promise<void> {
  await writeJsonFile(path, {
    version: 1,
    sourceId,
    iothubHostname: identity.iothubHostname,
    deviceId: identity.deviceId,
    deviceKey: identity.deviceKey.reveal(),
    mqttPort: identity.mqttPort,
    httpsPort: identity.httpsPort,
    caPem: identity.caPem ?? null,
    agentImage: identity.agentImage ?? null,
  } satisfies IdentityFile);
}

/** Equal digests: containers made for one identity serve the other. Keys and ports may change under it. */
export function identityDigest(identity: DeviceIdentity, gatewayHostname: string): string {
  return digest(identity.iothubHostname.toLowerCase(), identity.deviceId, gatewayHostname.toLowerCase());
}

/** SHA-256 over parts, length-prefixed; base64. */
export function digest(...parts: string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest('base64');
}

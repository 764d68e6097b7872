// The node's identity at start: from disk when it is there, from config.toml, or from the cloud; and whether containers made before
// still belong to it.

import { readJsonFile, writeJsonFile } from '@wayside/kit';
import type { Provisioning } from '../config/provisioning.ts';
import { type DaemonConfig, UPSTREAM_HTTPS_PORT_DEFAULT, UPSTREAM_MQTT_PORT_DEFAULT } from '../config.ts';
import { type DeviceIdentity, identityDigest, loadIdentity, saveIdentity } from './device-identity.ts';
import { type RegistrationSettings, registrationId } from './registration.ts';

export interface ProvisionOptions {
  config: DaemonConfig;
  identityFile: string;
  /** Asks the cloud; only called when no identity of these settings is saved. */
  register(settings: RegistrationSettings): Promise<DeviceIdentity>;
}

/** The device identity; saved before it is used. */
export async function provision({ config, identityFile, register }: ProvisionOptions): Promise<DeviceIdentity> {
  const { provisioning } = config;
  if (provisioning.source === 'manual') return withUpstream(config, manualIdentity(provisioning));
  const sourceId = registrationId(provisioning);
  let identity = await loadIdentity(identityFile, sourceId);
  if (identity === undefined) {
    identity = await register(provisioning);
    await saveIdentity(identityFile, sourceId, identity);
  }
  return withUpstream(config, identity);
}

function manualIdentity(manual: Extract<Provisioning, { source: 'manual' }>): DeviceIdentity {
  return {
    iothubHostname: manual.iothubHostname,
    deviceId: manual.deviceId,
    deviceKey: manual.deviceKey,
    mqttPort: UPSTREAM_MQTT_PORT_DEFAULT,
    httpsPort: UPSTREAM_HTTPS_PORT_DEFAULT,
    caPem: undefined,
    agentImage: undefined,
  };
}

/** What config.toml says about the upstream outranks the registration's answer. */
export function withUpstream(config: DaemonConfig, identity: DeviceIdentity): DeviceIdentity {
  return {
    ...identity,
    mqttPort: config.upstream.mqttPort ?? identity.mqttPort,
    httpsPort: config.upstream.httpsPort ?? identity.httpsPort,
    caPem: config.upstream.caPem ?? identity.caPem,
  };
}

/** True when the identity or host name is another than at the last start; false at the first start. */
export async function identityChanged(file: string, identity: DeviceIdentity, hostname: string): Promise<boolean> {
  const saved = await readJsonFile<{ digest: string }>(file);
  return saved !== undefined && saved.digest !== identityDigest(identity, hostname);
}

/** Call when everything of an earlier identity is gone. */
export async function rememberIdentity(file: string, identity: DeviceIdentity, hostname: string): Promise<void> {
  await writeJsonFile(file, { digest: identityDigest(identity, hostname) });
}

// What a container's options depend on besides the module itself.

import type { DaemonConfig } from '../config.ts';
import type { Layout } from '../layout.ts';
import type { DeviceIdentity } from '../provision/device-identity.ts';

export interface NodeFacts {
  instance: string;
  /** Gateway name. */
  hostname: string;
  iothubHostname: string;
  deviceId: string;
  mqttPort: number;
  httpsPort: number;
  /** Name of the module network. */
  network: string;
  dns: { servers: string[]; hosts: string[] };
  proxy: { https: string; no: string };
  allowElevatedPermissions: boolean;
  /** [agent.env] of config.toml. */
  agentEnv: { [name: string]: string };
  /** Paths as the engine sees them. */
  hostManagementDir: string;
  hostWorkloadDir(module: string): string;
  hostStorageDir(module: string): string;
}

/** The facts of this node. */
export function nodeFactsOf(config: DaemonConfig, layout: Layout, device: DeviceIdentity): NodeFacts {
  return {
    instance: config.instance,
    hostname: config.hostname,
    iothubHostname: device.iothubHostname,
    deviceId: device.deviceId,
    mqttPort: device.mqttPort,
    httpsPort: device.httpsPort,
    network: config.network.name,
    dns: config.dns,
    proxy: config.proxy,
    allowElevatedPermissions: config.allowElevatedPermissions,
    agentEnv: config.agent.env,
    hostManagementDir: layout.hostManagementDir,
    hostWorkloadDir: layout.hostWorkloadDir,
    hostStorageDir: layout.hostStorageDir,
  };
}

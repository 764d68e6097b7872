// What a container's options depend on besides the module itself.

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

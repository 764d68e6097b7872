// Where things lie: the files of docs/contracts.md 2, as this process sees them and as the container engine sees them.

import { join } from 'node:path';

/** User and group of the module images; it may use the management socket. */
export const MODULE_USER_ID = 13622;

export interface Locations {
  /** config.toml and certificates. */
  configDir: string;
  /** State as this process sees it. */
  stateDir: string;
  /** Sockets as this process sees them. */
  runDir: string;
  /** The same two as the container engine sees them, for bind mounts. */
  hostStateDir: string;
  hostRunDir: string;
}

export interface Layout {
  configFile: string;
  /** root 0700: identity, keys, certificates. */
  daemonDir: string;
  identityFile: string;
  registrationFile: string;
  provisionedFile: string;
  keysFile: string;
  moduleIdentitiesFile: string;
  agentSpecFile: string;
  imagesFile: string;
  edgeCaFile: string;
  managementDir: string;
  managementSocket: string;
  hostManagementDir: string;
  workloadDir(module: string): string;
  workloadSocket(module: string): string;
  hostWorkloadDir(module: string): string;
  storageDir(module: string): string;
  hostStorageDir(module: string): string;
}

/** All paths below the given locations. */
export function layoutOf(at: Locations): Layout {
  const daemonDir = join(at.stateDir, 'daemon');
  return {
    configFile: join(at.configDir, 'config.toml'),
    daemonDir,
    identityFile: join(daemonDir, 'identity.json'),
    registrationFile: join(daemonDir, 'registration.json'),
    provisionedFile: join(daemonDir, 'provisioned.json'),
    keysFile: join(daemonDir, 'keys.json'),
    moduleIdentitiesFile: join(daemonDir, 'module-identities.json'),
    agentSpecFile: join(daemonDir, 'edge-agent.json'),
    imagesFile: join(daemonDir, 'images.json'),
    edgeCaFile: join(daemonDir, 'edge-ca.json'),
    managementDir: join(at.runDir, 'mgmt'),
    managementSocket: join(at.runDir, 'mgmt', 'mgmt.sock'),
    hostManagementDir: join(at.hostRunDir, 'mgmt'),
    workloadDir: (module) => join(at.runDir, 'workload', module),
    workloadSocket: (module) => join(at.runDir, 'workload', module, 'workload.sock'),
    hostWorkloadDir: (module) => join(at.hostRunDir, 'workload', module),
    storageDir: (module) => join(at.stateDir, 'storage', module),
    hostStorageDir: (module) => join(at.hostStateDir, 'storage', module),
  };
}

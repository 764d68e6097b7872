// Management and workload API of the daemon (iotedge.md 4.3, 4.4): HTTP over unix sockets, `api-version` mandatory.

import type { JsonObject } from './json.ts';

export const API_VERSIONS = [
  '2018-06-28',
  '2019-01-30',
  '2019-10-22',
  '2019-11-05',
  '2020-07-07',
  '2021-12-07',
  '2022-08-03',
] as const;

export interface ModuleSpec {
  name: string;
  type: 'docker';
  imagePullPolicy: 'On-Create' | 'Never';
  config: {
    settings: {
      image: string;
      imageHash?: string;
      /** Docker ContainerCreate body. */
      createOptions: JsonObject;
      /** base64(JSON {username,password,serveraddress}). */
      auth?: string;
    };
    env: { key: string; value: string }[];
  };
}

export interface ModuleDetails {
  id: string;
  name: string;
  type: 'docker';
  config: { settings: ModuleSpec['config']['settings']; env: { key: string; value: string }[] };
  status: {
    startTime?: string;
    exitStatus?: { exitTime: string; statusCode: string };
    /** `description` is Docker's state text. Ours: `health` is Docker's health state when the container has a health check. */
    runtimeStatus: { status: string; description?: string; health?: 'starting' | 'healthy' | 'unhealthy' };
  };
}

export interface Identity {
  moduleId: string;
  managedBy: string;
  generationId: string;
  authType: 'sas';
}

export interface SystemInfo {
  osType: string;
  architecture: string;
  version: string;
  server_version: string;
  kernel_version: string;
  operating_system: string;
  cpus: number;
  total_memory: number;
  virtualized: string;
  provisioning: { type: string; dynamicReprovisioning: boolean; alwaysReprovisionOnStartup: boolean };
  additional_info?: JsonObject;
}

export interface SystemResources {
  host_uptime: number;
  process_uptime: number;
  used_cpu: number;
  used_ram: number;
  total_ram: number;
  disks: { name: string; available_space: number; total_space: number; file_system: string; file_type: string }[];
  /** JSON string: array of Docker stats objects. */
  docker_stats: string;
}

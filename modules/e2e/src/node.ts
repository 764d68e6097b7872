// What the tests look at on the node: its list, its containers, its origin, and the cloud's monitor of it.

import type { NodeMonitor } from '@wayside/protocol';
import Docker from 'dockerode';
import { mustWayside, until } from './commands.ts';
import { CLOUD_CONTAINER, containerOf, INSTANCE, NODE, ORIGIN_CONTAINER } from './settings.ts';

export const docker = new Docker({ socketPath: '/var/run/docker.sock' });

/** Bridge to which the cloud's ports are published. */
const CLOUD_NETWORK = 'bridge';

/** name -> status, as `wayside list` prints them. */
export async function listed(): Promise<{ [module: string]: string }> {
  const { stdout } = await mustWayside('list');
  const [, ...rows] = stdout.trimEnd().split('\n');
  return Object.fromEntries(rows.map((row) => [row.split(/\s+/)[0]!, row.split(/\s+/)[1]!]));
}

export async function monitor(): Promise<NodeMonitor> {
  return JSON.parse((await mustWayside('monitor', NODE, '--once', '--json')).stdout) as NodeMonitor;
}

export async function monitoredModule(name: string): Promise<NodeMonitor['modules'][number] | undefined> {
  return (await monitor()).modules.find((m) => m.name === name);
}

/** Resolves when exactly these modules run on the node. */
export function untilRunning(modules: readonly string[], limitSecs: number): Promise<{ seconds: number }> {
  const wanted = [...modules].sort().join(' ');
  return until(`modules ${wanted} run`, limitSecs, async () => {
    const found = await listed();
    return (
      Object.keys(found).sort().join(' ') === wanted && Object.values(found).every((status) => status === 'running')
    );
  });
}

/** Start time of a module's container. */
export async function startedAt(module: string): Promise<string> {
  return (await docker.getContainer(containerOf(module)).inspect()).State.StartedAt;
}

export interface OriginStats {
  requests: number;
  bytes: number;
  paths: { [path: string]: { requests: number; bytes: number } };
}

/** Base URL of the origin container itself, past every cache. */
export async function originUrl(): Promise<string> {
  const { NetworkSettings } = await docker.getContainer(ORIGIN_CONTAINER).inspect();
  const address = Object.values(NetworkSettings.Networks).find((n) => n.IPAddress !== '')?.IPAddress;
  return `http://${address}:8080`;
}

export async function originStats(): Promise<OriginStats> {
  return (await (await fetch(`${await originUrl()}/__stats`)).json()) as OriginStats;
}

/** Takes the cloud off its network: its published ports are gone, connections that stand get no answer. */
export async function cutCloudOff(): Promise<void> {
  await docker.getNetwork(CLOUD_NETWORK).disconnect({ Container: CLOUD_CONTAINER });
}

export async function reconnectCloud(): Promise<void> {
  await docker.getNetwork(CLOUD_NETWORK).connect({ Container: CLOUD_CONTAINER });
}

/** Containers of this instance by component. */
export async function containers(component: string): Promise<Docker.ContainerInfo[]> {
  const label = [`io.wayside.instance=${INSTANCE}`, `io.wayside.component=${component}`];
  return docker.listContainers({ all: true, filters: { label } });
}

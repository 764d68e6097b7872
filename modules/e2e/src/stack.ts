// Brings the stack up through the product's own scripts, and takes away everything that carries its label.

import { rm } from 'node:fs/promises';
import { mustRun, type Ran, run } from './commands.ts';
import { docker } from './node.ts';
import { removeSecondNode } from './second-node.ts';
import { CLOUD_STATE, CONFIG_DIR, INSTANCE, NODE_STATE, QUICKSTART_MANIFEST, SENSOR_MANIFEST } from './settings.ts';

/** `npm start` from nothing may take this long (packages and images included). */
export const START_SECS_MAX = 720;

export function start(): Promise<Ran> {
  return mustRun('npm', ['--silent', 'start'], START_SECS_MAX * 1000);
}

export function stop(): Promise<Ran> {
  return mustRun('npm', ['--silent', 'stop']);
}

/** The node by its uninstaller, the rest by label. Images stay. */
export async function removeStack(): Promise<void> {
  await removeSecondNode();
  await run('bash', ['scripts/uninstall.sh', `instance=${INSTANCE}`, 'content=remove']);
  const filters = { label: [`io.wayside.instance=${INSTANCE}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true });
  for (const { Id } of await docker.listNetworks({ filters }))
    await docker
      .getNetwork(Id)
      .remove()
      .catch(() => undefined);
  for (const path of [
    CLOUD_STATE,
    NODE_STATE,
    CONFIG_DIR,
    QUICKSTART_MANIFEST,
    SENSOR_MANIFEST,
    `/etc/wayside-${INSTANCE}`,
    `/run/wayside-${INSTANCE}`,
  ])
    await rm(path, { recursive: true, force: true });
}

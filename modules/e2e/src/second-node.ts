// A second server, played by a second instance on this machine's Docker: installed by the command that the portal shows, removed by its label.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun, run } from './commands.ts';
import { docker } from './node.ts';
import { CLOUD_HOSTNAME, CLOUD_HTTPS_PORT, INSTANCE, ORIGIN_CONTAINER } from './settings.ts';

const env = process.env;
export const SECOND_INSTANCE = `${INSTANCE}2`;
export const SECOND_NODE = 'portal1';
export const SECOND_HTTP_PORT = Number(env.E2E_SECOND_HTTP_PORT ?? 18081);
export const SECOND_SUMMARY_PORT = Number(env.E2E_SECOND_SUMMARY_PORT ?? 15002);
export const SECOND_DRIVE = `/var/lib/wayside-${SECOND_INSTANCE}/cache1`;
const NETWORK = `azure-iot-edge-${SECOND_INSTANCE}`;
const INSTALL_MS_MAX = 240_000;

/** Runs the printed command as it is. Added is what only this machine needs: the instance, and the cloud's name, which no DNS has. */
export async function installSecondNode(command: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'wayside-e2e-'));
  await writeFile(join(directory, '.curlrc'), `resolve = "${CLOUD_HOSTNAME}:${CLOUD_HTTPS_PORT}:127.0.0.1"\n`);
  const own = `instance=${SECOND_INSTANCE} addhost=${CLOUD_HOSTNAME}:host-gateway`;
  try {
    const script = `cd ${directory} && export CURL_HOME=${directory} && ${command} ${own}`;
    await mustRun('bash', ['-c', script], INSTALL_MS_MAX);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Brings the origin of the stack, which plays the CDN, into the node's network; undefined until that is there. */
export async function connectOrigin(): Promise<true | undefined> {
  const networks = await docker.listNetworks({ filters: { name: [NETWORK] } });
  const found = networks.find(({ Name }) => Name === NETWORK);
  if (!found) return undefined;
  await docker
    .getNetwork(found.Id)
    .connect({ Container: ORIGIN_CONTAINER, EndpointConfig: { Aliases: ['quickstart-origin'] } });
  return true;
}

export const secondContainer = (module: string) => docker.getContainer(`${SECOND_INSTANCE}-${module}`);

/** Everything of the instance, and the origin's place in its network. */
export async function removeSecondNode(): Promise<void> {
  await docker
    .getNetwork(NETWORK)
    .disconnect({ Container: ORIGIN_CONTAINER, Force: true })
    .catch(() => undefined);
  await run('bash', ['scripts/uninstall.sh', `instance=${SECOND_INSTANCE}`, 'content=remove']);
  const filters = { label: [`io.wayside.instance=${SECOND_INSTANCE}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true });
  for (const directory of ['/etc', '/var/lib', '/run'])
    await rm(`${directory}/wayside-${SECOND_INSTANCE}`, { recursive: true, force: true });
}

// Checks of the content cache (module MCC) as a client of the node meets it: ports, content, operations, drives.

import type { ContainerInspectInfo } from 'dockerode';
import got from 'got';
import { type Check, failure, OK, SKIPPED, warning } from '../check.ts';
import { containerEnv } from '../context.ts';

/** Module of the content cache. */
const MODULE = 'MCC';
/** The object by which operators test a node, and its size (connected-cache.md 1.10). */
const TEST_PATH = '/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com';
const TEST_BYTES = 969_710;
const CONTENT_PORTS = ['8081/tcp', '80/tcp'];
const OPERATIONS_PORT = '5001/tcp';
const ANSWER_TIMEOUT_MS = 20_000;
const GB = 1e9;

type Binding = { HostIp: string; HostPort: string };

/** Host address of the first of these container ports that is published. */
function publishedAddress(container: ContainerInspectInfo, ports: readonly string[]): string | undefined {
  for (const port of ports) {
    const binding = (container.NetworkSettings.Ports[port] as Binding[] | null | undefined)?.[0];
    if (binding !== undefined) {
      const ip =
        binding.HostIp === '' || binding.HostIp === '0.0.0.0' || binding.HostIp === '::' ? '127.0.0.1' : binding.HostIp;
      return `${ip.includes(':') ? `[${ip}]` : ip}:${binding.HostPort}`;
    }
  }
  return undefined;
}

export const mccPorts: Check = {
  id: 'mcc-ports',
  description: 'connected cache is reachable on its host port',
  async run(context, note) {
    const container = await context.moduleContainer(MODULE);
    if (container === undefined) return SKIPPED;
    const wanted = (container.HostConfig.PortBindings ?? {}) as { [port: string]: Binding[] | undefined };
    const asked = CONTENT_PORTS.flatMap((port) => wanted[port] ?? []).map((b) => b.HostPort);
    note({ host_ports: asked });
    if (asked.length === 0)
      return failure(`The deployment publishes no content port of ${MODULE}: add 8081/tcp to its PortBindings.`);
    if (!container.State.Running)
      return failure(
        `${MODULE} is not running${container.State.Error === '' ? '' : `: ${container.State.Error}`}. Port ${asked.join(', ')} may be taken by another program.`,
      );
    const address = publishedAddress(container, CONTENT_PORTS);
    return address === undefined ? failure(`The engine does not publish port ${asked.join(', ')} of ${MODULE}.`) : OK;
  },
};

export const mccContent: Check = {
  id: 'mcc-content',
  description: 'connected cache delivers content',
  async run(context, note) {
    const container = await context.moduleContainer(MODULE);
    const address = container === undefined ? undefined : publishedAddress(container, CONTENT_PORTS);
    if (address === undefined) return SKIPPED;
    const url = `http://${address}${TEST_PATH}`;
    try {
      const answer = await got(url, {
        responseType: 'buffer',
        retry: { limit: 0 },
        timeout: { request: ANSWER_TIMEOUT_MS },
        throwHttpErrors: false,
      });
      note({ url, status: answer.statusCode, bytes: answer.body.length, x_cache: answer.headers['x-cache'] ?? null });
      return answer.statusCode === 200 && answer.body.length === TEST_BYTES
        ? OK
        : failure(
            `${url} answered ${answer.statusCode} with ${answer.body.length} bytes, wanted 200 with ${TEST_BYTES}: see that the origin can be reached (logs ${MODULE}).`,
          );
    } catch (error) {
      return failure(`${url} does not answer.`, error);
    }
  },
};

export const mccOperations: Check = {
  id: 'mcc-operations',
  description: 'connected cache reports its figures',
  async run(context, note) {
    const container = await context.moduleContainer(MODULE);
    if (container === undefined || !container.State.Running) return SKIPPED;
    const ip = Object.values(container.NetworkSettings.Networks).find((n) => n.IPAddress !== '')?.IPAddress;
    const address = publishedAddress(container, [OPERATIONS_PORT]) ?? (ip === undefined ? undefined : `${ip}:5001`);
    if (address === undefined) return SKIPPED;
    const url = `http://${address}/summary`;
    try {
      const summary = await got(url, { retry: { limit: 0 }, timeout: { request: ANSWER_TIMEOUT_MS } }).json<{
        hitRatioBytes?: number;
      }>();
      note({ url, hit_ratio_bytes: summary.hitRatioBytes ?? null });
      return OK;
    } catch (error) {
      return warning(`${url} does not answer as it should.`, error);
    }
  },
};

export const mccDrives: Check = {
  id: 'mcc-drives',
  description: 'production readiness: cache drives are on the host and large enough',
  async run(context, note) {
    const [container, engine] = [await context.moduleContainer(MODULE), await context.engine()];
    if (container === undefined || engine === undefined || !container.State.Running) return SKIPPED;
    const env = containerEnv(container);
    const drives = Object.keys(env).flatMap((name) => /^STORAGE_(\d{1,2})_SIZE_GB$/.exec(name)?.[1] ?? []);
    if (drives.length === 0) return failure(`${MODULE} has no drive: STORAGE_1_SIZE_GB is not set in the deployment.`);
    const problems: string[] = [];
    for (const n of drives) {
      const path = `/nginx/cache${n}/`;
      const wantedGb = Number(env[`STORAGE_${n}_SIZE_GB`]);
      if (!container.Mounts.some(({ Destination }) => `${Destination}/`.replace(/\/+$/, '/') === path)) {
        problems.push(`${path} is not mounted from the host: its content is lost with the container.`);
        continue;
      }
      const { exitCode, stdout, stderr } = await engine.exec(container.Id, ['df', '-P', '-k', path]);
      const [, totalKib, usedKib, freeKib] = stdout.trim().split('\n').at(-1)?.split(/\s+/) ?? [];
      if (exitCode !== 0 || freeKib === undefined) {
        problems.push(`${path} cannot be read: ${stderr.trim()}`);
        continue;
      }
      const totalGb = (Number(totalKib) * 1024) / GB;
      note({
        [path]: {
          total_gb: Math.round(totalGb),
          used_gb: Math.round((Number(usedKib) * 1024) / GB),
          wanted_gb: wantedGb,
        },
      });
      if (totalGb < wantedGb)
        problems.push(`${path} lies on a disk of ${totalGb.toFixed(0)} GB, ${wantedGb} GB are configured.`);
    }
    return problems.length === 0 ? OK : warning(problems.join('\n'));
  },
};

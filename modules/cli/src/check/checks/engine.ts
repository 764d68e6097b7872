// Checks of the container engine and of how our containers are set up in it.

import { readFile } from 'node:fs/promises';
import { type Check, failure, fatal, OK, SKIPPED, warning } from '../check.ts';
import { containerEnv } from '../context.ts';

/** Place of persistent storage in edgeAgent and edgeHub when their environment names none. */
const STORAGE_DEFAULT = '/storage';
/** Drivers that keep their logs within limits by themselves. */
const BOUNDED_LOG_DRIVERS = ['journald', 'local', 'none', 'syslog', 'fluentd', 'gelf', 'awslogs', 'splunk'];

export const containerEngineUri: Check = {
  id: 'container-engine-uri',
  description: 'container engine is installed and functional',
  async run(context, note) {
    const config = await context.config();
    const uri = config?.moby_runtime.uri ?? context.settings.dockerHost;
    try {
      const engine = await context.connectEngine();
      note({ docker_version: (await engine.version()).Version });
      return OK;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EACCES' || code === 'EPERM')
        return fatal(
          `Got permission denied while connecting to the container engine at ${uri}. You might need to run this command as root.`,
          error,
        );
      return failure(
        `Could not communicate with the container engine at ${uri}. Check that it is installed and running.`,
        error,
      );
    }
  },
};

export const containerEngineDns: Check = {
  id: 'container-engine-dns',
  description: 'DNS server',
  async run(context) {
    const config = await context.config();
    if (config === undefined) return SKIPPED;
    if (config.dns.servers.length > 0) return OK;
    const path = context.settings.containerEngineConfigFile;
    const advice =
      'Containers take the DNS servers of this host, which a change of network can break. Set [dns] servers in config.toml.';
    try {
      const { dns } = JSON.parse(await readFile(path, 'utf8')) as { dns?: unknown };
      return Array.isArray(dns) && dns.length > 0
        ? OK
        : warning(`${path} names no DNS server, nor does config.toml. ${advice}`);
    } catch (error) {
      return warning(`Could not read DNS servers from ${path}, and config.toml names none. ${advice}`, error);
    }
  },
};

export const containerEngineLogrotate: Check = {
  id: 'container-engine-logrotate',
  description: 'production readiness: logs policy',
  async run(context, note) {
    const engine = await context.engine();
    if (engine === undefined) return SKIPPED;
    const { instance } = await context.hostPlaces();
    const ours = await engine.ofInstance(instance);
    const unbounded = ours.filter(({ HostConfig: { LogConfig } }) => {
      const options = (LogConfig?.Config ?? {}) as { [name: string]: string | undefined };
      return (
        LogConfig !== undefined && !BOUNDED_LOG_DRIVERS.includes(LogConfig.Type) && options['max-size'] === undefined
      );
    });
    note({ containers: ours.length });
    if (unbounded.length === 0) return OK;
    const names = unbounded
      .map(({ Name, HostConfig }) => `${Name.slice(1)} (${HostConfig.LogConfig?.Type})`)
      .join(', ');
    return warning(`The log files of these containers grow without limit: ${names}. Give them max-size and max-file.`);
  },
};

export const agentStorage = storageCheck('edgeAgent', 'edge-agent-storage-mounted-from-host', "Edge Agent's");
export const hubStorage = storageCheck('edgeHub', 'edge-hub-storage-mounted-from-host', "Edge Hub's");

function storageCheck(module: string, id: string, owner: string): Check {
  return {
    id,
    description: `production readiness: ${owner} storage directory is persisted on the host filesystem`,
    async run(context, note) {
      const container = await context.moduleContainer(module);
      if (container === undefined) return SKIPPED;
      const folder = containerEnv(container).StorageFolder ?? STORAGE_DEFAULT;
      const mount = container.Mounts.find(
        ({ Destination }) => folder === Destination || folder.startsWith(`${Destination}/`),
      );
      note({ storage_folder: folder, source: mount?.Source ?? null });
      return mount === undefined
        ? warning(
            `The ${module} module keeps ${folder} inside its container: its state is lost when the container is replaced. Bind it to a directory of the host.`,
          )
        : OK;
    },
  };
}

export const proxySettings: Check = {
  id: 'proxy-settings',
  description: 'proxy settings are consistent in aziot-edged, edgeAgent, edgeHub, moby daemon and config.toml',
  async run(context, note) {
    const [config, engine] = [await context.config(), await context.engine()];
    if (config === undefined || engine === undefined) return SKIPPED;
    const info = await engine.info();
    const wanted = config.proxy.https_proxy;
    const found: { [place: string]: string } = {};
    const of = (env: { [name: string]: string | undefined }): string => env.https_proxy ?? env.HTTPS_PROXY ?? '';
    for (const [place, container] of [
      ['aziot-edged', await context.daemonContainer()],
      ['edgeAgent', await context.moduleContainer('edgeAgent')],
      ['edgeHub', await context.moduleContainer('edgeHub')],
    ] as const)
      if (container !== undefined) found[place] = of(containerEnv(container));
    // Without a proxy in config.toml an engine may still have its own, for pulls alone.
    if (wanted !== '') found['moby daemon'] = info.HttpsProxy ?? '';
    note({ 'config.toml': withoutCredentials(wanted), ...mapValues(found, withoutCredentials) });
    const other = Object.entries(found).filter(([, proxy]) => proxy !== wanted);
    if (other.length === 0) return OK;
    const say = (proxy: string): string => (proxy === '' ? 'no proxy' : withoutCredentials(proxy));
    return warning(
      `The proxy settings differ: config.toml has ${say(wanted)}, ${other.map(([place, proxy]) => `${place} has ${say(proxy)}`).join(', ')}.`,
    );
  },
};

function withoutCredentials(proxy: string): string {
  return proxy.replace(/\/\/[^@/]*@/, '//');
}

function mapValues(from: { [key: string]: string }, change: (value: string) => string): { [key: string]: string } {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, change(value)]));
}

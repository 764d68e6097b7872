// What the checks share: each fact is fetched once, by whichever check asks first. A fact that could not be had is undefined for all others,
// which then count as skipped; the check that owns the fact tells the reason.

import { readFile } from 'node:fs/promises';
import type { Clock } from '@wayside/kit';
import type { ModuleDetails, SystemInfo } from '@wayside/protocol';
import type { ContainerInspectInfo } from 'dockerode';
import { type NodePlaces, nodePlaces } from '../config.ts';
import { ManagementClient } from '../daemon/management-client.ts';
import { Engine } from './engine.ts';
import { filePath, hostNameOf, type NodeConfig, networkName, readNodeConfig } from './node-config.ts';
import {
  CONTAINER_PROBE_PROGRAM,
  type ContainerProbe,
  type ContainerProbeAnswer,
  type TlsTarget,
} from './tls-probe.ts';

export interface CheckSettings {
  places: NodePlaces;
  clock: Clock;
  /** Version of this command. */
  version: string;
  configFile: string;
  dockerHost: string;
  containerEngineConfigFile: string;
  diagnosticsImage?: string | undefined;
  expectedVersion?: string | undefined;
  iothubHostname?: string | undefined;
  /** host[:port] of an SNTP server; undefined = the Date header of the cloud. */
  ntpServer?: string | undefined;
  proxyUri?: string | undefined;
}

export interface Upstream {
  hostname: string;
  httpsPort: number;
  mqttPort: number;
  /** PEM of the CA; undefined = the system's roots. */
  ca: string | undefined;
  /** How edgeAgent connects. */
  protocol: 'Mqtt' | 'MqttWs';
}

/** Place of the management directory in a container that may manage. */
const MANAGEMENT_MOUNT = '/var/run/iotedge-mgmt';
const HOST_GATEWAY = 'host-gateway';
/** Network of the engine for containers that name none. */
const DEFAULT_NETWORK = 'bridge';

export class CheckContext {
  readonly settings: CheckSettings;
  readonly management: ManagementClient;
  readonly #facts = new Map<string, Promise<unknown>>();

  constructor(settings: CheckSettings) {
    this.settings = settings;
    this.management = new ManagementClient(settings.places.managementUrl);
  }

  /** Throws what reading the file throws. */
  readConfig(): Promise<NodeConfig> {
    return this.#once('config', () => readNodeConfig(this.settings.configFile));
  }

  config(): Promise<NodeConfig | undefined> {
    return optional(this.readConfig());
  }

  /** Names on the host by the instance that config.toml names: in a container of ours the paths carry no suffix, the names still do. */
  async hostPlaces(): Promise<NodePlaces> {
    const config = await this.config();
    return config === undefined ? this.settings.places : nodePlaces(config.instance);
  }

  /** Throws when the engine does not answer. */
  connectEngine(): Promise<Engine> {
    return this.#once('engine', async () => {
      const configured = (await this.config())?.moby_runtime.uri;
      const engine = new Engine(configured ?? this.settings.dockerHost);
      await engine.version();
      return engine;
    });
  }

  engine(): Promise<Engine | undefined> {
    return optional(this.connectEngine());
  }

  systemInfo(): Promise<SystemInfo> {
    return this.#once('systemInfo', () => this.management.systemInfo());
  }

  modules(): Promise<ModuleDetails[] | undefined> {
    return optional(this.#once('modules', () => this.management.listModules()));
  }

  /** A module's container; undefined without one or without an engine. */
  moduleContainer(module: string): Promise<ContainerInspectInfo | undefined> {
    return this.#once(`container ${module}`, async () =>
      (await this.engine())?.inspect((await this.hostPlaces()).container(module)),
    );
  }

  daemonContainer(): Promise<ContainerInspectInfo | undefined> {
    return this.#once('daemon', async () => (await this.engine())?.inspect((await this.hostPlaces()).daemonContainer));
  }

  /** Where the node's cloud is: as edgeAgent was told, else as config.toml says. */
  upstream(): Promise<Upstream | undefined> {
    return this.#once('upstream', async () => {
      const config = await this.config();
      const env = containerEnv(await this.moduleContainer('edgeAgent'));
      const hostname =
        this.settings.iothubHostname ??
        env.IOTEDGE_IOTHUBHOSTNAME ??
        config?.provisioning.iothub_hostname ??
        hostNameOf(config?.provisioning.connection_string?.reveal() ?? '');
      if (config === undefined || hostname === undefined) return undefined;
      const caFile = config.upstream.ca_cert;
      return {
        hostname,
        httpsPort: Number(env.WAYSIDE_UPSTREAM_HTTPS_PORT ?? config.upstream.https_port),
        mqttPort: Number(env.WAYSIDE_UPSTREAM_MQTT_PORT ?? config.upstream.mqtt_port),
        ca: caFile === undefined ? undefined : await optional(readFile(this.hostFile(caFile), 'utf8')),
        protocol: /ws$/i.test(env.UpstreamProtocol ?? '') ? 'MqttWs' : 'Mqtt',
      };
    });
  }

  /** Path here of a file that config.toml names as the daemon sees it. */
  hostFile(uri: string): string {
    return this.settings.places.hostPath(filePath(uri));
  }

  /** A target of the cloud as seen from this host: config.toml's own host list counts before DNS, as it does in the containers. */
  async hostTarget(upstream: Upstream, port: number): Promise<TlsTarget> {
    const config = await this.config();
    const entry = config?.dns.hosts.find((line) => line.startsWith(`${upstream.hostname}:`));
    let host = entry?.slice(upstream.hostname.length + 1) ?? upstream.hostname;
    if (host === HOST_GATEWAY) host = (await (await this.engine())?.gateway(DEFAULT_NETWORK)) ?? '127.0.0.1';
    const proxy = this.settings.proxyUri ?? config?.proxy.https_proxy;
    return { servername: upstream.hostname, host, port, ca: upstream.ca, ...(proxy ? { proxy } : {}) };
  }

  /** The report of a diagnostics container on a network. Throws when it cannot be run; undefined when an earlier fact is missing. */
  probeFrom(network: 'default' | 'module'): Promise<ContainerProbeAnswer | undefined> {
    return this.#once(`probe ${network}`, async () => {
      const [config, engine, upstream] = [await this.config(), await this.engine(), await this.upstream()];
      const image = this.settings.diagnosticsImage ?? (await this.daemonContainer())?.Config.Image;
      if (config === undefined || engine === undefined || upstream === undefined || image === undefined)
        return undefined;
      const probe: ContainerProbe = {
        targets: [
          { name: 'https', host: upstream.hostname, port: upstream.httpsPort, ca: upstream.ca },
          { name: 'mqtt', host: upstream.hostname, port: upstream.mqttPort, ca: upstream.ca },
        ],
        managementSocket: `${MANAGEMENT_MOUNT}/mgmt.sock`,
      };
      const run = await engine.run({
        image,
        command: ['node', '-e', CONTAINER_PROBE_PROGRAM],
        env: { WAYSIDE_PROBE: JSON.stringify(probe) },
        network: network === 'module' ? networkName(config) : DEFAULT_NETWORK,
        extraHosts: config.dns.hosts,
        dns: config.dns.servers,
        binds: [`${(await this.hostPlaces()).runDir}/mgmt:${MANAGEMENT_MOUNT}:ro`],
        labels: { 'io.wayside.instance': config.instance || 'default', 'io.wayside.component': 'check' },
      });
      if (run.exitCode !== 0)
        throw new Error(
          `the diagnostics container of ${image} ended with ${run.exitCode}: ${run.stderr.trim().slice(-500)}`,
        );
      return JSON.parse(run.stdout) as ContainerProbeAnswer;
    });
  }

  #once<T>(name: string, fetch: () => Promise<T>): Promise<T> {
    const known = this.#facts.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const fact = fetch();
    // Whoever awaits it sees the rejection; nobody may be waiting yet.
    fact.catch(() => undefined);
    this.#facts.set(name, fact);
    return fact;
  }
}

async function optional<T>(fact: Promise<T>): Promise<T | undefined> {
  try {
    return await fact;
  } catch {
    return undefined;
  }
}

/** Environment of a container as an object. */
export function containerEnv(container: ContainerInspectInfo | undefined): { [name: string]: string | undefined } {
  return Object.fromEntries(
    (container?.Config.Env ?? []).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

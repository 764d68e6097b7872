// Composition root of the daemon: the only place that reads the environment and makes the adapters.
// Order at start: configuration, local keys, identity (disk first), sockets, then the loops. Ending it stops no module.

import { readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import {
  ConfigError,
  createLogger,
  EXIT_REPROVISION,
  type Logger,
  onShutdown,
  retry,
  runMain,
  systemClock,
} from '@wayside/kit';
import { application, listenerOf } from './api/http-rules.ts';
import { managementRoutes } from './api/management.ts';
import { closeUnixServer, openUnixServer } from './api/unix-server.ts';
import { type WorkloadServices, workloadRoutes } from './api/workload.ts';
import { WorkloadSocketServers } from './api/workload-sockets.ts';
import { EdgeCa } from './certificates/edge-ca.ts';
import { ModuleCertificates } from './certificates/module-certificates.ts';
import { runCaRenewal } from './certificates/renewal-loop.ts';
import { CloudHttp } from './cloud-http.ts';
import { type DaemonConfig, readConfig } from './config.ts';
import { DockerEngine } from './containers/docker-engine.ts';
import { Modules } from './containers/modules.ts';
import { nodeFactsOf } from './containers/node-facts.ts';
import { supportBundle } from './host/support-bundle.ts';
import { systemInfo, systemResources } from './host/system-info.ts';
import { CloudRegistry } from './identities/cloud-registry.ts';
import { ModuleIdentities } from './identities/module-identities.ts';
import { runImageCleanup } from './images/cleanup-loop.ts';
import { Images } from './images/images.ts';
import { loadMasterKeys } from './keys/master-keys.ts';
import { type Layout, layoutOf, MODULE_USER_ID } from './layout.ts';
import { EDGE_AGENT } from './module-names.ts';
import { cloudRegistration } from './provision/cloud-registration.ts';
import { type DeviceIdentity, saveIdentity } from './provision/device-identity.ts';
import { identityChanged, provision, rememberIdentity, withUpstream } from './provision/provision.ts';
import { type RegistrationSettings, register, registrationId } from './provision/registration.ts';
import { Reprovisioner } from './provision/reprovision.ts';
import { AgentSpec } from './watchdog/agent-spec.ts';
import { firstAgent } from './watchdog/first-agent.ts';
import { Watchdog } from './watchdog/watchdog.ts';

const VERSION = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
  .version;
/** Rights of the management socket: root and the group of the module images. */
const MANAGEMENT_SOCKET_MODE = 0o660;
const ENGINE_RETRY_BASE_MS = 1_000;
const ENGINE_RETRY_MAX_MS = 30_000;
const CLOSE_MS_MAX = 8_000;

/** What every part needs. */
interface Base {
  config: DaemonConfig;
  layout: Layout;
  log: Logger;
  engine: DockerEngine;
  stopping: AbortController;
}

await runMain(async () => {
  const base = await openBase(process.env);
  onShutdown(() => base.stopping.abort(), { timeLimitMs: CLOSE_MS_MAX, logger: base.log });
  try {
    await run(base);
  } catch (error) {
    // What breaks off because of SIGTERM is no failure.
    if (!base.stopping.signal.aborted) throw error;
  }
});

async function run(base: Base): Promise<void> {
  const { config, layout, log, engine, stopping } = base;
  const { ca, device, modules, identities, images, sockets, facts } = await openNode(base);
  const spec = await AgentSpec.open(layout.agentSpecFile, firstAgent(config, device));
  const retriesMax = config.watchdogRetriesMax;
  const watchdog = new Watchdog({ modules, identities, engine, spec, facts, retriesMax, clock: systemClock, log });
  const reprovisioner = new Reprovisioner({
    present: device,
    hostname: config.hostname,
    askAgain: () => askAgain(base),
    registerModules: () => identities.registerAll(),
    restart: () => process.exit(EXIT_REPROVISION),
    clock: systemClock,
    log,
  });
  const additional = () => ({
    deviceId: device.deviceId,
    iothubHostname: device.iothubHostname,
    hostname: config.hostname,
    edgeCaExpiration: ca.notAfter.toISOString(),
  });
  const management = await openManagement(base, {
    modules,
    identities,
    replaceAgent: (next) => watchdog.replaceAgent(next),
    systemInfo: () => systemInfo({ engine, version: VERSION, provisioningType: config.provisioningMode, additional }),
    resources: () => systemResources(engine, modules),
    supportBundle: (query, signal) =>
      supportBundle({ engine, instance: config.instance, network: config.network.name, query, signal }),
    reprovision: () => void reprovisioner.request(),
  });
  const close = async () => {
    stopping.abort();
    await Promise.all([closeUnixServer(management, layout.managementSocket), sockets.closeAll()]);
    log.info('Stopped; modules keep running');
  };
  onShutdown(close, { timeLimitMs: CLOSE_MS_MAX, logger: log });

  await Promise.all([
    watchdog.run(stopping.signal),
    runImageCleanup({ engine, images, settings: config.imageCleanup, clock: systemClock, log }, stopping.signal),
    runCaRenewal(ca, systemClock, log, stopping.signal),
  ]);
}

/** Identity, keys, modules and their sockets: what the node is before its loops run. */
async function openNode(base: Base) {
  const { config, layout, log, engine } = base;
  const clock = systemClock;
  const { hostname, edgeCa: settings } = config;
  const keys = await loadMasterKeys(layout.keysFile);
  const ca = await EdgeCa.open({ file: layout.edgeCaFile, hostname, settings, clock, log });
  const register = (wanted: RegistrationSettings) => registerWith(base, wanted);
  const device = await provision({ config, identityFile: layout.identityFile, register });
  const { iothubHostname, deviceId } = device;
  log.info('Identity is ready', { deviceId, iothubHostname, source: config.provisioning.source });

  const identities = await ModuleIdentities.open({
    file: layout.moduleIdentitiesFile,
    device: `${iothubHostname}/${deviceId}`,
    masterIdentityKey: keys.identity,
    registry: new CloudRegistry({ http: cloudHttp(config, device.caPem), device, clock }),
    preferCache: config.preferIdentityCache,
    clock,
    log,
  });
  const furtherRootsPem = [device.caPem, config.trustBundlePem].filter((pem) => pem !== undefined);
  const workload: WorkloadServices = {
    identities,
    certificates: new ModuleCertificates({ ca, clock, furtherRootsPem, iothubHostname, deviceId }),
    masterEncryptionKey: keys.encryption,
    manifestTrustBundlePem: config.manifestTrustBundlePem ?? '',
    listModules: () => modules.list(),
  };
  const images = await Images.open({ engine, file: layout.imagesFile, clock, log });
  const facts = nodeFactsOf(config, layout, device);
  const sockets = new WorkloadSocketServers({
    layout,
    connectionsMax: config.connectionsMax.workload,
    log,
    appFor: (name) => application(workloadRoutes(name, workload), log),
  });
  const { network } = config;
  const modules: Modules = new Modules({ engine, identities, images, sockets, facts, network, layout, log });
  await engineReady(base);
  await dropModulesOfOtherIdentity(base, device, modules);
  await modules.openSockets();
  await sockets.open(EDGE_AGENT);
  return { ca, device, modules, identities, images, sockets, facts };
}

/** Containers carry identity and host name in their environment: those of another one are of no use. */
async function dropModulesOfOtherIdentity(
  { config, layout, log }: Base,
  device: DeviceIdentity,
  modules: Modules,
): Promise<void> {
  const { hostname } = config;
  if (await identityChanged(layout.provisionedFile, device, hostname)) {
    log.warn('The identity of the node changed: its modules are made anew', { deviceId: device.deviceId, hostname });
    await modules.removeAll();
  }
  await rememberIdentity(layout.provisionedFile, device, hostname);
}

async function openBase(env: NodeJS.ProcessEnv): Promise<Base> {
  const stateDir = env.WAYSIDE_STATE_DIR || '/var/lib/wayside';
  const runDir = env.WAYSIDE_RUN_DIR || '/run/wayside';
  const layout = layoutOf({
    configDir: env.WAYSIDE_CONFIG_DIR || '/etc/wayside',
    stateDir,
    runDir,
    hostStateDir: env.WAYSIDE_HOST_STATE_DIR || stateDir,
    hostRunDir: env.WAYSIDE_HOST_RUN_DIR || runDir,
  });
  const config = readConfig({ text: await configText(layout.configFile) });
  const log = createLogger({ module: 'daemon', level: env.RuntimeLogLevel || config.logLevel });
  log.info('Starting', { version: VERSION, instance: config.instance || 'default', hostname: config.hostname });
  await mkdir(layout.daemonDir, { recursive: true, mode: 0o700 });
  return { config, layout, log, engine: new DockerEngine(config.engineSocket), stopping: new AbortController() };
}

async function configText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError([
      { path, message: `cannot be read (${(error as NodeJS.ErrnoException).code}), wanted the settings of this node` },
    ]);
  }
}

function cloudHttp(config: DaemonConfig, caPem: string | undefined): CloudHttp {
  return new CloudHttp({
    caPem,
    timeoutMs: config.cloudTimeoutMs,
    retries: config.cloudRetries,
    proxy: config.proxy,
    userAgent: `wayside-daemon/${VERSION}`,
  });
}

function registerWith(
  { config, layout, log, stopping }: Base,
  settings: RegistrationSettings,
  attempts?: number,
): Promise<DeviceIdentity> {
  return register({
    settings,
    hostname: config.hostname,
    version: VERSION,
    file: layout.registrationFile,
    ask: cloudRegistration(cloudHttp(config, config.upstream.caPem)),
    clock: systemClock,
    signal: stopping.signal,
    log,
    attempts,
  });
}

/** For reprovisioning: config.toml as it is now, and the cloud's present answer to the same registration. */
async function askAgain(base: Base): Promise<DeviceIdentity> {
  const config = readConfig({ text: await configText(base.layout.configFile) });
  if (config.provisioning.source === 'manual')
    return provision({ config, identityFile: base.layout.identityFile, register: neverAsked });
  const identity = await registerWith({ ...base, config }, config.provisioning, 1);
  await saveIdentity(base.layout.identityFile, registrationId(config.provisioning), identity);
  return withUpstream(config, identity);
}

function neverAsked(): never {
  throw new Error('A manual identity needs no registration');
}

/** The engine may start after us. */
async function engineReady({ engine, log, stopping }: Base): Promise<void> {
  await retry(() => engine.info(), {
    attempts: 'infinite',
    baseMs: ENGINE_RETRY_BASE_MS,
    maxMs: ENGINE_RETRY_MAX_MS,
    signal: stopping.signal,
    onRetry: ({ error, delayMs }) => log.warn('The container engine is not ready', { reason: error, delayMs }),
  });
}

async function openManagement(
  { config, layout, log }: Base,
  services: Parameters<typeof managementRoutes>[0],
): Promise<Server> {
  await mkdir(layout.managementDir, { recursive: true, mode: 0o755 });
  const server = await openUnixServer({
    path: layout.managementSocket,
    mode: MANAGEMENT_SOCKET_MODE,
    groupId: MODULE_USER_ID,
    connectionsMax: config.connectionsMax.management,
    listener: listenerOf(application(managementRoutes(services), log)),
  });
  log.info('Management API is up', { path: layout.managementSocket });
  return server;
}

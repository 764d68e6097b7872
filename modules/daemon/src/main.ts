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
import { type ModuleSpec, normalizeImage } from '@wayside/protocol';
import { application, listenerOf } from './api/http-rules.ts';
import { managementRoutes } from './api/management.ts';
import { closeUnixServer, openUnixServer } from './api/unix-server.ts';
import { workloadRoutes } from './api/workload.ts';
import { WorkloadSocketServers } from './api/workload-sockets.ts';
import { EdgeCa } from './certificates/edge-ca.ts';
import { ModuleCertificates } from './certificates/module-certificates.ts';
import { runCaRenewal } from './certificates/renewal-loop.ts';
import { CloudHttp } from './cloud-http.ts';
import { type DaemonConfig, readConfig } from './config.ts';
import { DockerEngine } from './containers/docker-engine.ts';
import { Modules } from './containers/modules.ts';
import type { NodeFacts } from './containers/node-facts.ts';
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
  const { config, layout, log, engine, stopping } = base;
  onShutdown(() => stopping.abort(), { timeLimitMs: CLOSE_MS_MAX, logger: log });

  const keys = await loadMasterKeys(layout.keysFile);
  const ca = await EdgeCa.open({
    file: layout.edgeCaFile,
    hostname: config.hostname,
    settings: config.edgeCa,
    clock: systemClock,
    log,
  });
  const device = await provision({
    config,
    identityFile: layout.identityFile,
    register: (settings) => registerWith(base, settings),
  });
  log.info('Identity is ready', {
    deviceId: device.deviceId,
    iothubHostname: device.iothubHostname,
    source: config.provisioning.source,
  });

  const identities = await ModuleIdentities.open({
    file: layout.moduleIdentitiesFile,
    device: `${device.iothubHostname}/${device.deviceId}`,
    masterIdentityKey: keys.identity,
    registry: new CloudRegistry({ http: cloudHttp(config, device.caPem), device, clock: systemClock }),
    preferCache: config.preferIdentityCache,
    clock: systemClock,
    log,
  });
  const certificates = new ModuleCertificates({
    ca,
    clock: systemClock,
    furtherRootsPem: [device.caPem, config.trustBundlePem].filter((pem) => pem !== undefined),
    iothubHostname: device.iothubHostname,
    deviceId: device.deviceId,
  });
  const images = await Images.open({ engine, file: layout.imagesFile, clock: systemClock, log });
  const facts = nodeFacts(config, layout, device);
  const sockets = new WorkloadSocketServers({
    layout,
    connectionsMax: config.connectionsMax.workload,
    log,
    appFor: (name) =>
      application(
        workloadRoutes(name, {
          identities,
          certificates,
          masterEncryptionKey: keys.encryption,
          manifestTrustBundlePem: config.manifestTrustBundlePem ?? '',
          listModules: () => modules.list(),
        }),
        log,
      ),
  });
  const modules: Modules = new Modules({
    engine,
    identities,
    images,
    sockets,
    facts,
    network: config.network,
    layout,
    log,
  });

  await engineReady(base);
  if (await identityChanged(layout.provisionedFile, device, config.hostname)) {
    log.warn('The identity of the node changed: its modules are made anew', {
      deviceId: device.deviceId,
      hostname: config.hostname,
    });
    await modules.removeAll();
  }
  await rememberIdentity(layout.provisionedFile, device, config.hostname);
  await modules.openSockets();
  await sockets.open(EDGE_AGENT);

  const spec = await AgentSpec.open(layout.agentSpecFile, firstAgent(config, device));
  const watchdog = new Watchdog({
    modules,
    identities,
    engine,
    spec,
    facts,
    retriesMax: config.watchdogRetriesMax,
    clock: systemClock,
    log,
  });
  const reprovisioner = new Reprovisioner({
    present: device,
    hostname: config.hostname,
    askAgain: () => askAgain(base),
    registerModules: () => identities.registerAll(),
    restart: () => process.exit(EXIT_REPROVISION),
    clock: systemClock,
    log,
  });
  const management = await openManagement(base, {
    modules,
    identities,
    replaceAgent: (next) => watchdog.replaceAgent(next),
    systemInfo: () =>
      systemInfo({
        engine,
        version: VERSION,
        provisioningType: config.provisioningMode,
        additional: () => ({
          deviceId: device.deviceId,
          iothubHostname: device.iothubHostname,
          hostname: config.hostname,
          edgeCaExpiration: ca.notAfter.toISOString(),
        }),
      }),
    resources: () => systemResources(engine, modules),
    supportBundle: (query, signal) =>
      supportBundle({ engine, instance: config.instance, network: config.network.name, query, signal }),
    reprovision: () => void reprovisioner.request(),
  });
  onShutdown(
    async () => {
      stopping.abort();
      await Promise.all([closeUnixServer(management, layout.managementSocket), sockets.closeAll()]);
      log.info('Stopped; modules keep running');
    },
    { timeLimitMs: CLOSE_MS_MAX, logger: log },
  );

  await Promise.all([
    watchdog.run(stopping.signal),
    runImageCleanup({ engine, images, settings: config.imageCleanup, clock: systemClock, log }, stopping.signal),
    runCaRenewal(ca, systemClock, log, stopping.signal),
  ]);
});

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

function nodeFacts(config: DaemonConfig, layout: Layout, device: DeviceIdentity): NodeFacts {
  return {
    instance: config.instance,
    hostname: config.hostname,
    iothubHostname: device.iothubHostname,
    deviceId: device.deviceId,
    mqttPort: device.mqttPort,
    httpsPort: device.httpsPort,
    network: config.network.name,
    dns: config.dns,
    proxy: config.proxy,
    allowElevatedPermissions: config.allowElevatedPermissions,
    agentEnv: config.agent.env,
    hostManagementDir: layout.hostManagementDir,
    hostWorkloadDir: layout.hostWorkloadDir,
    hostStorageDir: layout.hostStorageDir,
  };
}

/** edgeAgent as the first start needs it. */
function firstAgent({ agent }: DaemonConfig, device: DeviceIdentity): ModuleSpec {
  const image = agent.image ?? device.agentImage;
  if (image === undefined) {
    throw new ConfigError([
      {
        path: 'agent.config.image',
        message: 'is missing, and the registration named none; wanted the image of edgeAgent',
      },
    ]);
  }
  const auth = agent.auth && { ...agent.auth, password: agent.auth.password.reveal() };
  return {
    name: EDGE_AGENT,
    type: 'docker',
    imagePullPolicy: agent.imagePullPolicy,
    config: {
      settings: {
        image: normalizeImage(image),
        createOptions: agent.createOptions,
        ...(auth === undefined ? {} : { auth: Buffer.from(JSON.stringify(auth)).toString('base64') }),
      },
      // [agent.env] reaches the container with every specification, so it is no part of this one.
      env: [],
    },
  };
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

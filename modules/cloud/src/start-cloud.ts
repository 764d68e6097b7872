// Puts both faces of the cloud together and opens the listeners. main.ts gives it settings, clock and logger.

import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TlsListener } from '@wayside/gateway';
import { type Clock, closeServer, type Logger, listen } from '@wayside/kit';
import { Accounts } from './accounts/accounts.ts';
import type { ApiParts } from './api/parts.ts';
import { apiRoutes } from './api/routes.ts';
import { createWebApp } from './api/web-app.ts';
import { AuditLog } from './audit/audit-log.ts';
import { BgpIntake } from './bgp/bgp-intake.ts';
import { CLOUD_VERSION, type CloudConfig, cloudNames, masterKeyPath } from './config.ts';
import { createPlatform, type HubPlatform } from './create-platform.ts';
import { probeDataPort } from './health/data-port.ts';
import { FleetMinutes } from './health/fleet-minutes.ts';
import { HealthIntake } from './health/health-intake.ts';
import { NodeWatch } from './health/node-watch.ts';
import { followPlatform } from './health/platform-news.ts';
import { ProbeLoop } from './health/probe-loop.ts';
import { ProbeRows } from './health/probe-rows.ts';
import { probeEvent } from './health/probe-verdict.ts';
import { type CloudMetrics, createMetrics } from './health/prometheus.ts';
import { createHubRouter } from './hub-api/router.ts';
import { ensureCustomerId } from './nodes/customer.ts';
import { imageOf } from './nodes/node-manifest.ts';
import { NodeRegistry } from './nodes/node-registry.ts';
import { cloudUrlOf } from './nodes/provisioning-command.ts';
import { Registration } from './nodes/registration.ts';
import type { NodeDb, NodeTableMap } from './nodes/tables.ts';
import { Timeline } from './nodes/timeline.ts';
import { Access } from './people/access.ts';
import { ensureAdmin, ensureSecretFile } from './people/first-start.ts';
import { People } from './people/people.ts';
import { runCertificateRenewal } from './pki/certificate-renewal.ts';
import { ensureServerIdentity, type ServerIdentity } from './pki/server-identity.ts';
import { LeaderWork } from './replicas/leader-work.ts';
import { NodeFace } from './replicas/node-face.ts';
import { runLed } from './replicas/replicas.ts';
import { requireSharedState } from './replicas/shared-state.ts';
import { LedPrefixBook } from './routing/led-prefix-book.ts';
import { type OpenRouting, openRouting } from './routing/open-routing.ts';
import type { PrefixBookOptions } from './routing/prefix-book.ts';
import { openMasterKeys } from './secrets/master-keys.ts';
import { ClientAddresses } from './steering/client-address.ts';
import { Updates } from './updates/updates.ts';
import { Uploads } from './uploads/uploads.ts';

const STATE_DIR_MODE = 0o700;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CONNECTIONS_MAX = 10_000;
const HEADERS_TIMEOUT_MS = 20_000;
/** For receiving a request, not for answering it. */
const REQUEST_TIMEOUT_MS = 60_000;
const HANDSHAKE_TIMEOUT_MS = 20_000;
const CLOSE_GRACE_MS = 3_000;

export interface RunningCloud {
  httpsPort: number;
  mqttPort: number;
  /** undefined where AMQP is served over WebSocket only. */
  amqpPort: number | undefined;
  /** Ends listeners, loops and store, in this order; nothing that was acknowledged is lost. */
  stop(): Promise<void>;
}

interface Services extends ApiParts {
  nodeFace: NodeFace;
  metrics: CloudMetrics;
  unfollow(): Promise<void>;
  openRouting: OpenRouting;
  bgpIntake: BgpIntake;
}

/** Opens everything; throws and leaves nothing open when a part cannot start. */
export async function startCloud(config: CloudConfig, clock: Clock, logger: Logger): Promise<RunningCloud> {
  await mkdir(config.stateDir, { recursive: true, mode: STATE_DIR_MODE });
  const names = cloudNames(config);
  const masterKeys = await openMasterKeys(masterKeyPath(config), true);
  const platform = await createPlatform({
    masterKeys,
    dbPath: config.databaseUrl?.reveal() ?? join(config.stateDir, 'cloud.db'),
    clock,
    logger,
    hostNames: names as [string, ...string[]],
  });
  const loops = new AbortController();
  // Replicas share the state folder: they make and renew what is in it one after another.
  const ensureIdentity = () =>
    platform.replicas
      .turn('state folder')
      .run(() => ensureServerIdentity(join(config.stateDir, 'ca'), names, clock.nowMs()));
  try {
    const identity = await ensureIdentity();
    await requireSharedState(platform.db.withTables<NodeTableMap>(), platform.replicas, identity);
    const services = await createServices(config, { clock, logger, platform, identity, loops: loops.signal });
    const server = await openHttps(config, services, platform, identity);
    const mqtt = await openMqtt(config, platform, identity).catch(async (error) => {
      await closeServer(server, 0);
      throw error;
    });
    const amqp = await openAmqp(config, platform, identity).catch(async (error) => {
      await Promise.all([closeServer(server, 0), mqtt.close()]);
      throw error;
    });
    const running = [
      services.nodeFace.run(loops.signal),
      services.openRouting.run(loops.signal),
      services.fleetMinutes.run(loops.signal),
      services.audit.run(loops.signal),
      runLed(platform.replicas, 'updates', loops.signal, (signal) => services.updates.run(signal)),
      runCertificateRenewal({
        ...{ clock, logger, signal: loops.signal },
        inUse: identity,
        ensure: ensureIdentity,
        apply: (renewed) => {
          server.setSecureContext(secureContext(renewed));
          const certificate = { certificate: renewed.chain, privateKey: renewed.privateKey };
          for (const listener of [mqtt, amqp]) listener?.setCertificate(certificate);
        },
      }),
    ];
    const httpsPort = (server.address() as AddressInfo).port;
    logger.info('Cloud is up', {
      httpsPort,
      mqttPort: mqtt.port,
      amqpPort: amqp?.port,
      hostname: config.hostname,
      pin: identity.pin,
    });
    return {
      httpsPort,
      mqttPort: mqtt.port,
      amqpPort: amqp?.port,
      stop: async () => {
        loops.abort();
        await Promise.all([closeServer(server, CLOSE_GRACE_MS), mqtt.close(), amqp?.close()]);
        await Promise.all(running);
        await services.nodeFace.stop();
        await services.openRouting.idle();
        await services.unfollow();
        await platform.close();
      },
    };
  } catch (error) {
    loops.abort();
    await platform.close();
    throw error;
  }
}

interface ServiceParts {
  clock: Clock;
  logger: Logger;
  platform: HubPlatform;
  identity: ServerIdentity;
  loops: AbortSignal;
}

async function createServices(config: CloudConfig, parts: ServiceParts): Promise<Services> {
  const { clock, logger, platform, identity, loops } = parts;
  const db: NodeDb = platform.db.withTables<NodeTableMap>();
  const { replicas, calls } = platform;
  const start = replicas.turn('start');
  const accounts = await Accounts.open(db, clock, await start.run(() => ensureCustomerId(db)), replicas);
  const people = new People({ db, clock, sessionMs: config.sessionHours * HOUR_MS });
  await start.run(() => ensureAdmin(people, config.stateDir));
  const clientAddresses = new ClientAddresses(config.trustedProxies);
  const access = new Access({ people, db, addresses: clientAddresses, authenticator: platform.authenticator });
  const audit = new AuditLog({ db, clock, logger, keepMs: config.auditDays * DAY_MS });
  const { commits } = platform;
  const timeline = new Timeline(db, () => clock.nowMs(), commits);
  const images = { prefix: config.imagePrefix, tag: config.imageTag, isCritical: config.imageCritical };
  const rules = { driveSizeGbMin: config.driveSizeGbMin };
  const nodes: NodeRegistry = new NodeRegistry({
    ...{ db, platform, clock, logger, timeline, accounts, images, rules },
    turn: replicas.turn('nodes'),
    onChange: (name, node) => opened.onNode(name, node),
  });
  await start.run(() => nodes.repair());
  const isShared = replicas.number !== 0;
  const leader = new LeaderWork({ replicas, calls, clock });
  const makeBook = (options: PrefixBookOptions) =>
    new LedPrefixBook({
      ...{ ...options, leader, findNode: (name) => nodes.find(name), readAccounts: () => accounts.read() },
      onChanged: (name, prefixes) => nodeFace.prefixesChanged(name, prefixes),
      onReviewed: async (customerId) => {
        const own = (await nodes.list()).filter((node) => node.customerId === customerId);
        for (const node of own) await bgpIntake.review(node.name);
      },
    });
  const opened: OpenRouting = await openRouting(
    { db, clock, logger, accounts, ...(isShared ? { makeBook } : {}) },
    await nodes.list(),
  );
  const metrics = createMetrics({
    db,
    platform,
    watch: () => watch,
    probes: () => probes,
    routing: () => opened.routing,
    version: CLOUD_VERSION,
  });
  const watch: NodeWatch = new NodeWatch({
    ...{ db, platform, clock, logger, timeline, commits },
    heartbeatWindowMs: config.heartbeatWindowSecs * 1000,
    findNode: (name) => nodes.find(name),
    probeOf: (name) => probes.stateOf(name),
    onJudged: (name, judgement) => {
      opened.onJudged(name, judgement);
      nodeFace.judged(name, judgement);
    },
    toLeader: (name) => {
      if (!replicas.isLeader) replicas.publish('wake', [name]);
      return !replicas.isLeader;
    },
  });
  const probes: ProbeLoop = new ProbeLoop({
    clock,
    logger,
    intervalMs: config.probeIntervalSecs * 1000,
    probe: probeDataPort,
    onResult: (name, result, state) => {
      metrics.onProbe(name, result);
      void nodeFace.probed(name, state, false);
    },
    listNodes: async () => {
      const all = await nodes.list();
      const expected = all.map(async (node) => (await watch.judgementOf(node)).state !== 'NotProvisioned');
      const isExpected = await Promise.all(expected);
      return all.filter((_, index) => isExpected[index]);
    },
    onVerdict: async (nodeName, before, after) => {
      await nodeFace.probed(nodeName, after, true);
      await timeline.record(probeEvent(nodeName, before, after));
      await watch.wake(nodeName);
    },
  });
  const fleetMinutes = new FleetMinutes({ db, clock, logger });
  const updates = new Updates({
    ...{ db, platform, clock, logger, timeline, accounts, images },
    turn: replicas.turn('nodes'),
    baseOf: (name) => platform.deployments.baseOf(name),
    onChange: (name) => watch.wakeSoon(name),
  });
  const uploads = new Uploads({ db, clock, folder: join(config.stateDir, 'uploads') });
  const intake = new HealthIntake({
    onReport: (toMs) => fleetMinutes.note(toMs),
    ...{ db, platform, clock, logger, timeline, commits, isShared },
    onNews: (nodeName, isChange) => {
      nodeFace.reported(nodeName);
      // A module that changed is judged at once: one that fails and is back within a second leaves its trace.
      if (isChange) void watch.wake(nodeName);
      else watch.noteBeat(nodeName);
      opened.onNews(nodeName);
      // A node that comes to life need not wait for its first round.
      if (probes.stateOf(nodeName).last !== null) return;
      void nodes.find(nodeName).then((node) => (node ? probes.probeNow(node, loops) : undefined));
    },
  });
  const { book, nodes: routed } = opened;
  const bgpIntake: BgpIntake = new BgpIntake({
    ...{ db, platform, clock, logger, accounts, book, nodes: routed, isShared },
  });
  const unfollow = followPlatform({ platform, timeline, logger, wake: async (name) => watch.wakeSoon(name) });
  const probeRows = new ProbeRows(db, clock);
  const nodeFace: NodeFace = new NodeFace({
    ...{ db, clock, logger, replicas, platform, accounts, nodes, timeline, watch, probes, probeRows },
    ...{ intake, bgpIntake, opened },
  });
  await nodeFace.start();
  const endpoint = { hostname: config.hostname, mqttPort: config.publicMqttPort, httpsPort: config.publicHttpsPort };
  const caCertificate = identity.authority;
  const registration = new Registration({
    ...{ db, platform, clock, timeline, images, endpoint, caCertificate },
    onRegistered: (before) => nodes.registered(before),
  });
  return {
    configurations: platform.configurations,
    deployments: platform.deployments,
    ...{ db, platform, clock, logger, people, access, accounts, nodes, registration, timeline, watch, probes },
    ...{
      fleetMinutes,
      uploads,
      updates,
      metrics,
      unfollow,
      openRouting: opened,
      bgpIntake,
      routing: opened.routing,
      prefixes: opened.book,
    },
    ...{ clientAddresses, audit, nodeFace },
    version: CLOUD_VERSION,
    caCertificate,
    mqttPort: config.publicMqttPort,
    daemonImage: imageOf(images, 'daemon'),
    cloudUrl: cloudUrlOf(config.hostname, config.publicHttpsPort),
    pin: identity.pin,
  };
}

async function openHttps(
  config: CloudConfig,
  services: Services,
  platform: HubPlatform,
  identity: ServerIdentity,
): Promise<Server> {
  const app = createWebApp({
    routes: apiRoutes(services),
    hubRouter: createHubRouter(platform, services),
    access: services.access,
    audit: services.audit,
    metrics: services.metrics,
    metricsPublic: config.metricsPublic,
    metricsToken: await ensureSecretFile(join(config.stateDir, 'metrics-token')),
    installScript: config.installScript,
    clock: services.clock,
    version: CLOUD_VERSION,
    logger: services.logger,
  });
  const server = createServer(
    {
      ...secureContext(identity),
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    },
    app,
  );
  server.maxConnections = CONNECTIONS_MAX;
  platform.gateway.attachWebSocket(server, { otherwise: platform.amqp.upgrade });
  await listen(server, { port: config.httpsPort, host: config.listenAddress });
  return server;
}

function openMqtt(config: CloudConfig, platform: HubPlatform, identity: ServerIdentity): Promise<TlsListener> {
  const certificate = { certificate: identity.chain, privateKey: identity.privateKey };
  return platform.gateway.listenTls({ port: config.mqttPort, address: config.listenAddress, certificate });
}

async function openAmqp(
  config: CloudConfig,
  platform: HubPlatform,
  identity: ServerIdentity,
): Promise<TlsListener | undefined> {
  if (config.amqpPort === undefined) return undefined;
  const certificate = { certificate: identity.chain, privateKey: identity.privateKey };
  return await platform.amqp.listenTls({ port: config.amqpPort, address: config.listenAddress, certificate });
}

function secureContext(identity: ServerIdentity) {
  return { cert: identity.chain, key: identity.privateKey, minVersion: 'TLSv1.2' as const };
}

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
import { CLOUD_VERSION, type CloudConfig, cloudNames } from './config.ts';
import { createPlatform, type HubPlatform } from './create-platform.ts';
import { probeDataPort } from './health/data-port.ts';
import { FleetMinutes } from './health/fleet-minutes.ts';
import { HealthIntake } from './health/health-intake.ts';
import { NodeWatch } from './health/node-watch.ts';
import { followPlatform } from './health/platform-news.ts';
import { ProbeLoop } from './health/probe-loop.ts';
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
import { type OpenRouting, openRouting } from './routing/open-routing.ts';
import { ClientAddresses } from './steering/client-address.ts';

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
  /** Ends listeners, loops and store, in this order; nothing that was acknowledged is lost. */
  stop(): Promise<void>;
}

interface Services extends ApiParts {
  intake: HealthIntake;
  metrics: CloudMetrics;
  unfollow(): Promise<void>;
  openRouting: OpenRouting;
  bgpIntake: BgpIntake;
}

/** Opens everything; throws and leaves nothing open when a part cannot start. */
export async function startCloud(config: CloudConfig, clock: Clock, logger: Logger): Promise<RunningCloud> {
  await mkdir(config.stateDir, { recursive: true, mode: STATE_DIR_MODE });
  const names = cloudNames(config);
  const identity = await ensureServerIdentity(join(config.stateDir, 'ca'), names, clock.nowMs());
  const platform = await createPlatform({
    dbPath: join(config.stateDir, 'cloud.db'),
    clock,
    logger,
    hostNames: names as [string, ...string[]],
  });
  const loops = new AbortController();
  try {
    const services = await createServices(config, { clock, logger, platform, identity, loops: loops.signal });
    const server = await openHttps(config, services, platform, identity);
    const mqtt = await openMqtt(config, platform, identity).catch(async (error) => {
      await closeServer(server, 0);
      throw error;
    });
    const running = [
      services.watch.run(loops.signal),
      services.probes.run(loops.signal),
      services.openRouting.run(loops.signal),
      services.fleetMinutes.run(loops.signal),
      services.audit.run(loops.signal),
      runCertificateRenewal({
        ...{ clock, logger, signal: loops.signal },
        ensure: () => ensureServerIdentity(join(config.stateDir, 'ca'), names, clock.nowMs()),
        apply: (renewed) => {
          server.setSecureContext(secureContext(renewed));
          mqtt.setCertificate({ certificate: renewed.chain, privateKey: renewed.privateKey });
        },
      }),
    ];
    const httpsPort = (server.address() as AddressInfo).port;
    logger.info('Cloud is up', { httpsPort, mqttPort: mqtt.port, hostname: config.hostname, pin: identity.pin });
    return {
      httpsPort,
      mqttPort: mqtt.port,
      stop: async () => {
        loops.abort();
        await Promise.all([closeServer(server, CLOSE_GRACE_MS), mqtt.close()]);
        await Promise.all(running);
        await services.intake.stop();
        await services.bgpIntake.stop();
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
  const accounts = await Accounts.open(db, clock, await ensureCustomerId(db));
  const people = new People({ db, clock, sessionMs: config.sessionHours * HOUR_MS });
  await ensureAdmin(people, config.stateDir);
  const clientAddresses = new ClientAddresses(config.trustedProxies);
  const access = new Access({ people, db, addresses: clientAddresses, authenticator: platform.authenticator });
  const audit = new AuditLog({ db, clock, logger, keepMs: config.auditDays * DAY_MS });
  const timeline = new Timeline(db, () => clock.nowMs());
  const images = { prefix: config.imagePrefix, tag: config.imageTag };
  const rules = { driveSizeGbMin: config.driveSizeGbMin };
  const nodes: NodeRegistry = new NodeRegistry({
    ...{ db, platform, clock, logger, timeline, accounts, images, rules },
    onChange: (name, node) => opened.onNode(name, node),
  });
  await nodes.repair();
  const opened: OpenRouting = await openRouting({ db, clock, logger, accounts }, await nodes.list());
  const metrics = createMetrics({
    db,
    platform,
    watch: () => watch,
    probes: () => probes,
    routing: () => opened.routing,
    version: CLOUD_VERSION,
  });
  const watch: NodeWatch = new NodeWatch({
    ...{ db, platform, clock, logger, timeline },
    heartbeatWindowMs: config.heartbeatWindowSecs * 1000,
    findNode: (name) => nodes.find(name),
    listNodes: () => nodes.list(),
    probeOf: (name) => probes.stateOf(name),
    onJudged: opened.onJudged,
  });
  const probes: ProbeLoop = new ProbeLoop({
    clock,
    logger,
    intervalMs: config.probeIntervalSecs * 1000,
    probe: probeDataPort,
    onResult: metrics.onProbe,
    listNodes: async () => {
      const all = await nodes.list();
      const expected = all.map(async (node) => (await watch.judgementOf(node)).state !== 'NotProvisioned');
      const isExpected = await Promise.all(expected);
      return all.filter((_, index) => isExpected[index]);
    },
    onVerdict: async (nodeName, before, after) => {
      await timeline.record(probeEvent(nodeName, before, after));
      await watch.wake(nodeName);
    },
  });
  const fleetMinutes = new FleetMinutes({ db, clock, logger });
  const intake = new HealthIntake({
    onReport: (toMs) => fleetMinutes.note(toMs),
    ...{ db, platform, clock, logger, timeline },
    onNews: (nodeName) => {
      void watch.wake(nodeName);
      opened.onNews(nodeName);
      // A node that comes to life need not wait for its first round.
      if (probes.stateOf(nodeName).last !== null) return;
      void nodes.find(nodeName).then((node) => (node ? probes.probeNow(node, loops) : undefined));
    },
  });
  const { book, nodes: routed } = opened;
  const bgpIntake = new BgpIntake({ db, platform, clock, logger, accounts, book, nodes: routed });
  await bgpIntake.start();
  const unfollow = followPlatform({ platform, timeline, logger, wake: (name) => watch.wake(name) });
  await intake.start();
  const endpoint = { hostname: config.hostname, mqttPort: config.publicMqttPort, httpsPort: config.publicHttpsPort };
  const caCertificate = identity.authority;
  const registration = new Registration({
    ...{ db, platform, clock, timeline, images, endpoint, caCertificate },
    onRegistered: (before) => nodes.registered(before),
  });
  return {
    configurations: platform.configurations,
    deployments: platform.deployments,
    ...{ db, platform, clock, logger, people, access, accounts, nodes, registration, timeline, watch, probes, intake },
    ...{ fleetMinutes, metrics, unfollow, openRouting: opened, bgpIntake, routing: opened.routing, prefixes: opened.book },
    ...{ clientAddresses, audit },
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
  platform.gateway.attachWebSocket(server);
  await listen(server, { port: config.httpsPort, host: config.listenAddress });
  return server;
}

function openMqtt(config: CloudConfig, platform: HubPlatform, identity: ServerIdentity): Promise<TlsListener> {
  const certificate = { certificate: identity.chain, privateKey: identity.privateKey };
  return platform.gateway.listenTls({ port: config.mqttPort, address: config.listenAddress, certificate });
}

function secureContext(identity: ServerIdentity) {
  return { cert: identity.chain, key: identity.privateKey, minVersion: 'TLSv1.2' as const };
}

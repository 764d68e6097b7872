// Puts the hub together: who is told of what. The parts decide; here they are only joined. main.ts gives the outside world.

import { randomUUID } from 'node:crypto';
import {
  type ConnectionInfo,
  clientIdOf,
  createGateway,
  EDGE_POLICY,
  type Gateway,
  type Identity,
} from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { HubConfig } from './config.ts';
import { Delivery, UPSTREAM_ENDPOINT } from './deliver/delivery.ts';
import { DeviceHost } from './device-host.ts';
import { HubTwin } from './hub-twin.ts';
import { Authenticator } from './identity/authenticator.ts';
import { ScopeCache } from './identity/scope-cache.ts';
import { ScopeClient } from './identity/scope-client.ts';
import { Ingest } from './ingest.ts';
import { type HubPorts, Listeners } from './listeners.ts';
import { type HubMessage, TWIN_CHANGE_SOURCE } from './message.ts';
import { MethodCalls } from './methods/method-calls.ts';
import { MethodRelay } from './methods/method-relay.ts';
import { HubMetrics } from './metrics/metrics.ts';
import { RouteConfig } from './routes/route-config.ts';
import { openHubDatabase } from './store/hub-database.ts';
import { MessageStore } from './store/message-store.ts';
import { SqliteSessions } from './store/session-store.ts';
import { Settings } from './store/settings.ts';
import { TwinRelay } from './twins/twin-relay.ts';
import { TwinStore } from './twins/twin-store.ts';
import { hubTokens } from './upstream/hub-tokens.ts';
import { LinkSet } from './upstream/link-set.ts';
import { SdkConnector } from './upstream/sdk-connector.ts';
import { DEFAULT_TIMING, type LinkTiming } from './upstream/upstream-link.ts';
import { ServerCertificateKeeper } from './workload/server-certificate.ts';
import { TrustRoots } from './workload/trust-roots.ts';
import { WorkloadClient } from './workload/workload-client.ts';

export interface HubOptions {
  readonly config: HubConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: { version: string; build: string; commit: string };
  /** Times of the way up; default DEFAULT_TIMING. */
  readonly timing?: Partial<LinkTiming>;
}

/** How often expired messages are removed. */
const EXPIRY_SWEEP_MS = 10_000;
/** How often connected clients are checked against the identities. */
const RECHECK_MS = 300_000;
const TRUST_BUNDLE_REFRESH_MS = 3_600_000;

export class Hub {
  readonly #o: HubOptions;
  readonly #own: Identity;
  readonly #workload: WorkloadClient;
  readonly #db;
  readonly #store: MessageStore;
  readonly #scope: ScopeCache;
  readonly #links: LinkSet;
  readonly #relay: TwinRelay;
  readonly #routes: RouteConfig;
  readonly #delivery: Delivery;
  readonly #host: DeviceHost;
  readonly #gateway: Gateway;
  readonly #twin: HubTwin;
  readonly #calls: MethodCalls;
  readonly #methods: MethodRelay;
  readonly #metrics: HubMetrics;
  readonly #authenticator: Authenticator;
  readonly #certificates: ServerCertificateKeeper;
  readonly #listeners: Listeners;
  readonly #roots: TrustRoots;
  readonly #ingest: Ingest;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: HubOptions) {
    this.#o = options;
    const { config, clock, logger } = options;
    this.#own = { deviceId: config.deviceId, moduleId: config.moduleId };
    this.#workload = new WorkloadClient(config);
    this.#db = openHubDatabase(`${config.storageFolder}/edgeHub`, logger);
    this.#store = new MessageStore(this.#db, {
      ...config,
      clock,
      logger,
      onDropped: (reason, endpoint, sender, source) => this.#dropped(reason, endpoint, sender, source),
    });
    const settings = new Settings(this.#db, this.#store.commits);
    this.#roots = new TrustRoots(this.#workload, logger);
    const roots = () => this.#roots.pems;
    const { hubHost, upstreamHttpsPort: httpsPort, upstreamMqttPort: mqttPort, deviceId, moduleId } = config;
    const token = () => tokens.forIdentity(this.#own, Math.floor(clock.nowMs() / 1000) + DEFAULT_TIMING.tokenLifeSecs);
    const client = new ScopeClient({ hubHost, httpsPort, deviceId, moduleId, token, roots });
    this.#scope = new ScopeCache({ client, vault: this.#workload, settings, clock, logger });
    const tokens = hubTokens({ hubHost, own: this.#own, workload: this.#workload, scope: this.#scope });
    this.#authenticator = new Authenticator(this.#scope, [hubHost, config.hostname], clock);
    this.#links = this.#createLinks(new SdkConnector({ hubHost, mqttPort, roots }), tokens.forIdentity);
    this.#metrics = this.#createMetrics();
    this.#relay = this.#createRelay();
    this.#routes = new RouteConfig(settings, logger);
    const gateway = () => this.#gateway;
    const shared = { store: this.#store, metrics: this.#metrics, clock, logger };
    this.#delivery = new Delivery({ ...shared, deviceId, gateway, links: this.#links });
    this.#ingest = new Ingest({ ...shared, routes: this.#routes, delivery: this.#delivery });
    this.#calls = new MethodCalls(gateway);
    const refreshScope = () => this.#scope.refresh();
    this.#methods = new MethodRelay({
      own: this.#own,
      calls: this.#calls,
      refreshScope,
      metrics: this.#metrics,
      clock,
      logger,
    });
    this.#host = this.#createHost();
    this.#gateway = createGateway({
      host: this.#host,
      policy: EDGE_POLICY,
      logger,
      clock,
      limits: { deliveryAckTimeoutMs: config.messageAckTimeoutSecs * 1000 },
    });
    this.#twin = new HubTwin({
      clientId: clientIdOf(this.#own),
      deviceId,
      version: options.version,
      relay: this.#relay,
      routes: this.#routes,
      logger,
      onRoutes: () => void this.#dropUnroutedQueues(),
    });
    this.#certificates = new ServerCertificateKeeper(this.#workload, config.hostname, clock, logger);
    this.#listeners = this.#createListeners();
  }

  get #ownId(): string {
    return clientIdOf(this.#own);
  }

  /** Local state first, then the cloud: the listeners open whether the cloud is there or not. */
  async start(): Promise<HubPorts> {
    const certificate = await this.#certificates.first();
    await this.#roots.read();
    await this.#scope.load();
    this.#scope.onChanged = () => this.#recheck();
    const ports = await this.#listeners.open(certificate);
    void this.#certificates.keep((next) => this.#listeners.setCertificate(next));
    this.#startWork();
    this.#o.logger.info('edgeHub is up', { ...ports, identities: this.#scope.size });
    return ports;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#certificates.stop();
    await this.#gateway.close();
    await this.#listeners.close();
    this.#relay.stop();
    await this.#links.stop();
    await this.#delivery.stop();
    this.#store.close();
    this.#db.close();
  }

  /** Reads the routes and identities again whenever the hub's own link comes up; other work starts here once. */
  #startWork(): void {
    const { config, logger } = this.#o;
    this.#links.want(this.#ownId)?.receive(true);
    const { reported } = this.#relay.stored(this.#ownId);
    this.#twin.start(Object.keys((reported.clients as object | undefined) ?? {}));
    this.#delivery.start();
    this.#relay.start();
    void this.#scope.refresh();
    this.#every(config.scopeRefreshSecs * 1000, () => this.#scope.refresh());
    this.#every(RECHECK_MS, () => this.#recheck());
    this.#every(TRUST_BUNDLE_REFRESH_MS, () => this.#roots.read());
    this.#every(EXPIRY_SWEEP_MS, () => this.#expire());
    logger.debug('Work started');
  }

  #every(ms: number, work: () => unknown): void {
    const timer = setInterval(() => {
      Promise.resolve()
        .then(work)
        .catch((error) => this.#o.logger.error('Periodic work failed', { error: describeError(error) }));
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  async #expire(): Promise<void> {
    while (await this.#store.expire());
  }

  #createListeners(): Listeners {
    const { config, logger } = this.#o;
    return new Listeners({
      config,
      logger,
      gateway: this.#gateway,
      metrics: this.#metrics,
      authenticator: this.#authenticator,
      methods: this.#methods,
      health: () => ({
        ok: true,
        upstreamConnected: this.#links.get(this.#ownId)?.isConnected === true,
        identities: this.#scope.size,
        routes: this.#routes.table?.size ?? 0,
      }),
    });
  }

  #createLinks(
    connector: SdkConnector,
    token: (identity: Identity, expiresAtSecs: number) => Promise<string>,
  ): LinkSet {
    const { config, clock, logger, timing } = this.#o;
    const operationTimeoutMs = config.operationTimeoutSecs * 1000;
    return new LinkSet({
      connector,
      token,
      clock,
      logger,
      timing: { ...DEFAULT_TIMING, operationTimeoutMs, openTimeoutMs: operationTimeoutMs, ...timing },
      hasWaiting: (clientId) => this.#delivery.hasUpstream(clientId),
      isNeeded: (clientId) =>
        clientId === this.#ownId ||
        this.#isConnected(clientId) ||
        this.#delivery.hasUpstream(clientId) ||
        this.#relay.hasUnsent(clientId),
      events: {
        connected: (link) => this.#linkUp(link.clientId),
        disconnected: (link) => this.#metrics.wentOffline(link.clientId),
        desired: (link, patch) => this.#relay.desired(link, patch),
        method: (link, call) => void this.#methods.fromCloud(link, call),
      },
    });
  }

  #createMetrics(): HubMetrics {
    const { config, clock } = this.#o;
    const labels = { iothub: config.hubHost, edge_device: config.deviceId, instance_number: randomUUID() };
    return new HubMetrics(labels, {
      queueLengths: () => this.#store.lengths(),
      queueBytes: () => this.#store.endpoints().map((endpoint) => [endpoint, this.#store.bytesOf(endpoint)]),
      connectedClients: () => this.#gateway.connections().length,
      oldestUnsentSecs: () =>
        this.#store.endpoints().map((endpoint) => {
          const atMs = this.#store.oldestAtMs(endpoint);
          return [endpoint, atMs === undefined ? 0 : Math.max(0, clock.nowMs() - atMs) / 1000];
        }),
    });
  }

  #createRelay(): TwinRelay {
    const { config, clock, logger } = this.#o;
    return new TwinRelay({
      store: new TwinStore(this.#db, this.#store.commits),
      links: this.#links,
      clock,
      logger,
      isCloudReachable: () => this.#links.get(this.#ownId)?.isConnected === true,
      reportSpacingMs: config.reportSpacingSecs * 1000,
      onDesired: (clientId, patch, version) => {
        if (clientId === this.#ownId) this.#twin.desiredChanged();
        else this.#gateway.desired(toIdentity(clientId), patch, version);
      },
      onReported: (clientId, patch, version) => {
        if (clientId !== this.#ownId)
          this.#routeTwinChange(clientId, { properties: { reported: { ...patch, $version: version } } });
      },
    });
  }

  #createHost(): DeviceHost {
    const { config, clock, logger } = this.#o;
    return new DeviceHost({
      hubHost: config.hubHost,
      own: this.#own,
      clientsMax: config.connectedClientsMax,
      connectedClients: () => this.#gateway.connections().length,
      isConnected: (identity) => this.#gateway.connection(identity) !== undefined,
      isUpstreamConnected: (clientId) => this.#links.get(clientId)?.isConnected === true,
      authenticator: this.#authenticator,
      sessions: new SqliteSessions(this.#db, this.#store.commits),
      ingest: this.#ingest,
      relay: this.#relay,
      methods: this.#calls,
      metrics: this.#metrics,
      clock,
      logger,
      onConnected: (info) => this.#clientUp(info),
      onDisconnected: (info) => this.#clientDown(info),
    });
  }

  #clientUp({ identity, connectedAtMs }: ConnectionInfo): void {
    const clientId = clientIdOf(identity);
    this.#links.want(clientId)?.receive(true);
    this.#delivery.wake(clientId);
    this.#twin.clientConnected(identity, connectedAtMs);
  }

  #clientDown({ identity }: ConnectionInfo): void {
    const clientId = clientIdOf(identity);
    this.#links.get(clientId)?.receive(false);
    // Without its client the identity is not connected to the cloud either, so callers learn at once that it is away.
    this.#links.release(clientId);
    this.#twin.clientDisconnected(identity, this.#o.clock.nowMs());
  }

  #linkUp(clientId: string): void {
    const link = this.#links.get(clientId);
    if (!link) return;
    this.#o.logger.info('Connected to the cloud', { client: clientId });
    this.#links.nudgeOthers(link);
    if (clientId === this.#ownId || this.#isConnected(clientId)) {
      this.#relay
        .pull(link)
        .catch((error) => this.#o.logger.warn('Twin not read', { client: clientId, error: describeError(error) }));
    }
    this.#relay.connected(clientId);
    this.#delivery.wake(clientId);
    if (clientId === this.#ownId) void this.#scope.refresh();
  }

  #isConnected(clientId: string): boolean {
    return this.#gateway.connection(toIdentity(clientId)) !== undefined;
  }

  /** A client whose key was changed, or that was disabled or removed, is no client any more. */
  #recheck(): void {
    for (const { identity, epoch } of this.#host.invalid(this.#gateway.connections())) {
      this.#gateway.kick(identity, 'its key is no longer valid', epoch);
    }
  }

  #routeTwinChange(clientId: string, body: object): void {
    if (!this.#routes.table) return;
    const message: HubMessage = {
      sender: clientId,
      source: TWIN_CHANGE_SOURCE,
      properties: { system: { contentType: 'application/json', contentEncoding: 'utf-8' }, app: {} },
      body: Buffer.from(JSON.stringify(body)),
      enqueuedAtMs: this.#o.clock.nowMs(),
    };
    this.#ingest.take(message).catch(() => undefined);
  }

  /** Queues no route leads to any more are deleted, as the original does. */
  async #dropUnroutedQueues(): Promise<void> {
    const routed = this.#routes.table!.endpoints;
    for (const endpoint of this.#store.endpoints()) {
      const name = endpoint === UPSTREAM_ENDPOINT ? endpoint : endpoint.slice(endpoint.indexOf('/') + 1);
      if (routed.has(name)) continue;
      const messages = await this.#store.deleteEndpoint(endpoint);
      this.#o.logger.warn('Queue deleted: no route leads to it any more', { endpoint, messages });
    }
  }

  #dropped(reason: 'ttl_expiry' | 'queue_full', endpoint: string, sender: string, source: string): void {
    this.#metrics.dropped(reason, sender, source.split('/outputs/')[1] ?? '');
    if (reason === 'queue_full')
      this.#o.logger.warn('Queue full: the oldest message was dropped', { endpoint, from: sender });
  }
}

function toIdentity(clientId: string): Identity {
  const [deviceId = '', moduleId] = clientId.split('/');
  return moduleId === undefined ? { deviceId } : { deviceId, moduleId };
}

// Puts the IoT Hub face together: one store, one bus, the services on them, the device front. The seam is platform.ts.

import type { Gateway, GatewayLimits, Identity } from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import { AmqpFront } from './amqp/amqp-listener.ts';
import { CloudToDevice } from './c2d/c2d.ts';
import { applyContent, readContent } from './deployments/apply-content.ts';
import { Configurations } from './deployments/configurations.ts';
import { Deployments } from './deployments/deployments.ts';
import { Evaluator } from './deployments/evaluator.ts';
import { DeviceFront } from './device-front/device-front.ts';
import { forgetConnections } from './device-front/presence.ts';
import { ensurePolicies, type Policies } from './identity/policies.ts';
import { Registry } from './identity/registry.ts';
import { letIn, lockOut } from './identity/revoke-device.ts';
import { SasAuthenticator } from './identity/sas-authenticator.ts';
import { Jobs } from './jobs/jobs.ts';
import { MethodCalls } from './methods/method-calls.ts';
import { RemoteMethods } from './methods/remote-methods.ts';
import type { ConnectionStrings, Platform } from './platform.ts';
import { PlatformBus } from './platform-events.ts';
import { leadReplicas, openReplicas } from './replicas/open-replicas.ts';
import { ReplicaCalls } from './replicas/replica-calls.ts';
import type { Replicas } from './replicas/replicas.ts';
import type { MasterKeys } from './secrets/master-keys.ts';
import { sealedStore } from './secrets/sealed-store.ts';
import { CommitGroup } from './store/commit-group.ts';
import { openStore, type StoreLocation } from './store/open-store.ts';
import type { Db } from './store/tables.ts';
import { TelemetryIntake } from './telemetry/telemetry-intake.ts';
import { TelemetryRing } from './telemetry/telemetry-ring.ts';
import { readHistory, readNewest } from './telemetry/telemetry-rows.ts';
import { TwinService } from './twins/twin-service.ts';

/** Messages of one queryTelemetry call. */
const HISTORY_MESSAGES_MAX = 10_000;

export interface PlatformOptions {
  /** File of the store (':memory:' in tests), or the URL of a PostgreSQL database that other replicas may share: a secret. */
  dbPath: StoreLocation;
  clock: Clock;
  logger: Logger;
  /** The hub's own name first, then further names that tokens may be made for; without ports. */
  hostNames: readonly [string, ...string[]];
  gatewayLimits?: Partial<GatewayLimits>;
  /** Secrets in the store are sealed with it; without it they lie there as they are. */
  masterKeys?: MasterKeys;
}

/** The platform with what its own routes and listeners need besides. */
export interface HubPlatform extends Platform {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Give it listeners: `listenTls({port, certificate})`, `attachWebSocket(httpsServer)`. */
  readonly gateway: Gateway;
  readonly registry: Registry;
  readonly twins: TwinService;
  readonly evaluator: Evaluator;
  readonly configurations: Configurations;
  readonly deployments: Deployments;
  readonly authenticator: SasAuthenticator;
  readonly intake: TelemetryIntake;
  /** The other replicas over the same store, and calls to them. */
  readonly replicas: Replicas;
  readonly calls: ReplicaCalls;
  /** Of small writers: shared transactions and disk syncs. */
  readonly commits: CommitGroup;
  readonly jobs: Jobs;
  readonly c2d: CloudToDevice;
  /** AMQP for back ends: give it a listener or streams. */
  readonly amqp: AmqpFront;
}

/** Opens the store (CLOUD_STORE_FAILED) and starts the loops; nothing listens before the caller says so. */
export async function createPlatform(options: PlatformOptions): Promise<HubPlatform> {
  const { clock, logger, hostNames } = options;
  const store = await openStore(options.dbPath, (error) =>
    logger.warn('A connection to the database broke', { error: describeError(error) }),
  );
  const db = options.masterKeys ? await sealedStore(store, options.masterKeys, logger) : store;
  const replicas = await openReplicas(options.dbPath, { db, clock, logger }).catch(async (error) => {
    await db.destroy();
    throw error;
  });
  if (replicas.number === 0) await forgetConnections(db, clock.nowMs());
  const policies = await ensurePolicies(db);
  const bus = new PlatformBus(logger);
  const commits = new CommitGroup(db);
  const registry = new Registry({ db, clock, bus });
  const twins = new TwinService({ db, commits, clock, bus });
  const ring = new TelemetryRing({ db, clock, logger });
  const intake = new TelemetryIntake({ db, clock, bus, stored: (deviceIds) => ring.note(deviceIds) });
  const authenticator = new SasAuthenticator({ db, policies, hostNames, clock });
  const front = new DeviceFront({
    ...{ db, commits, clock, logger, bus, authenticator, twins, intake, replicas },
    methodAnswer: (identity, rid, status, body) => {
      methods.answer(identity.deviceId, identity.moduleId, rid, status, body);
    },
    listening: (deviceId) => c2d.reachable(deviceId),
    ...(options.gatewayLimits ? { limits: options.gatewayLimits } : {}),
  });
  const c2d = new CloudToDevice({
    ...{ db, commits, clock, logger, gateway: front.gateway },
    tellOthers: (deviceId) => replicas.publish('c2d', [deviceId]),
  });
  replicas.on('c2d', (deviceIds) => {
    for (const deviceId of deviceIds) c2d.reachable(deviceId);
  });
  const methods = new MethodCalls({ db, clock, link: front });
  const calls = new ReplicaCalls({ db, replicas, clock, logger });
  const ownerOf = (identity: Identity) => front.ownership.ownerOf(identity);
  const remote = new RemoteMethods({ methods, link: front, calls, replicas, clock, ownerOf });
  const invokeMethod: Platform['invokeMethod'] = (...call) => remote.invoke(...call);
  const jobs = new Jobs({ db, commits, clock, logger, twins, invokeMethod });
  const evaluator = new Evaluator({ db, clock, logger, bus, registry, twins });
  const deployments = new Deployments({ db, clock, evaluator });
  const configurations = new Configurations({ db, clock, wake: () => evaluator.wake() });
  ring.start();
  await evaluator.start();
  jobs.start();
  c2d.start();
  const amqp = new AmqpFront({ authenticator, c2d, clock, logger, hubName: hostNames[0] });
  leadReplicas({ db, bus, clock, logger, replicas, calls });
  const close = async () => {
    await evaluator.stop();
    await jobs.stop();
    amqp.close();
    await front.close();
    await c2d.stop();
    await ring.stop();
    await intake.idle();
    await commits.idle();
    await calls.close();
    await replicas.close();
    await db.destroy();
  };
  return {
    ...{
      db,
      commits,
      clock,
      logger,
      hostNames,
      registry,
      twins,
      evaluator,
      configurations,
      deployments,
      authenticator,
      intake,
      jobs,
      c2d,
      amqp,
      replicas,
      calls,
      invokeMethod,
      close,
    },
    gateway: front.gateway,
    ...registryCalls(registry, twins),
    applyContent: (deviceId, content, by, how) =>
      applyContent({ db, clock, evaluator }, deviceId, content, { ...how, ...(by === undefined ? {} : { by }) }),
    getContent: (deviceId) => readContent(db, deviceId),
    getOwnDeployment: async (deviceId) =>
      (await deployments.own(deviceId)) ?? { content: await readContent(db, deviceId), followsFields: false },
    ...historyCalls(db),
    on: (event, listener) => bus.on(event, listener),
    connectionStrings: () => connectionStrings(hostNames[0], policies),
  };
}

function registryCalls(registry: Registry, twins: TwinService) {
  return {
    createEdgeDevice: (deviceId: string) => registry.createDevice(deviceId, { iotEdge: true }),
    getDevice: (deviceId: string) => registry.getDevice(deviceId),
    listDevices: () => registry.listDevices(),
    deleteDevice: (deviceId: string) => registry.deleteDevice(deviceId, '*'),
    listModules: (deviceId: string) => registry.listModules(deviceId),
    lockOut: (deviceId: string, reason: string) => lockOut(registry, deviceId, reason),
    letIn: (deviceId: string, reason: string) => letIn(registry, deviceId, reason),
    getTwin: (deviceId: string, moduleId?: string) => twins.get(deviceId, moduleId),
    patchTwin: ((deviceId, moduleId, patch) => twins.change(deviceId, moduleId, patch, '*')) as Platform['patchTwin'],
  };
}

function historyCalls(db: Db): Pick<Platform, 'queryTelemetry' | 'lastMessage'> {
  return {
    queryTelemetry: (deviceId, filter) =>
      readHistory(db, deviceId, { ...filter, limit: Math.max(0, Math.min(filter.limit, HISTORY_MESSAGES_MAX)) }),
    lastMessage: (deviceId, moduleId, messageType) => readNewest(db, deviceId, moduleId, messageType),
  };
}

function connectionStrings(hostName: string, policies: Policies): ConnectionStrings {
  const of = (name: keyof ConnectionStrings) =>
    `HostName=${hostName};SharedAccessKeyName=${name};SharedAccessKey=${policies.get(name)?.primaryKey ?? ''}`;
  return {
    iothubowner: of('iothubowner'),
    service: of('service'),
    registryRead: of('registryRead'),
    registryReadWrite: of('registryReadWrite'),
    device: of('device'),
  };
}

// Devices and modules on the wire: the MQTT gateway's host, made of registry, twins, telemetry and methods.

import {
  CLOUD_POLICY,
  type ConnectAnswer,
  type ConnectRequest,
  clientIdOf,
  createGateway,
  type Gateway,
  type GatewayHost,
  type GatewayLimits,
  type Identity,
  IotHubError,
} from '@wayside/gateway';
import { type Clock, describeError, isEdgeError, type Logger } from '@wayside/kit';
import type { JsonObject, TwinProperties } from '@wayside/protocol';
import { readIdentity, readModules, readStanding } from '../identity/identity-rows.ts';
import type { SasAuthenticator } from '../identity/sas-authenticator.ts';
import { iotHubErrorForm } from '../iot-hub-errors.ts';
import type { MethodLink } from '../methods/method-calls.ts';
import type { PlatformEvents } from '../platform.ts';
import type { PlatformBus } from '../platform-events.ts';
import type { Replicas } from '../replicas/replicas.ts';
import type { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import type { TelemetryIntake } from '../telemetry/telemetry-intake.ts';
import type { TwinService } from '../twins/twin-service.ts';
import { DesiredDelivery } from './desired-delivery.ts';
import { Ownership, requireFence } from './ownership.ts';
import { Presence } from './presence.ts';
import { SessionRows } from './session-rows.ts';

/** CONNACK codes this hub uses: 3 the store does not answer, 5 not authorized. */
const REFUSED_UNAVAILABLE = 3;
const REFUSED_UNAUTHORIZED = 5;
const MODEL_ID = /^dtmi:[A-Za-z0-9_:;]{1,120}$/;

export interface DeviceFrontParts {
  db: Db;
  commits: CommitGroup;
  clock: Clock;
  logger: Logger;
  bus: PlatformBus;
  authenticator: SasAuthenticator;
  twins: TwinService;
  intake: TelemetryIntake;
  replicas: Replicas;
  /** Takes a client's answer to a method call. */
  methodAnswer(identity: Identity, rid: string, status: number, body: Uint8Array): void;
  /** A device connected or subscribed: it may take cloud-to-device messages. */
  listening?(deviceId: string): void;
  limits?: Partial<GatewayLimits>;
}

export class DeviceFront implements MethodLink {
  readonly gateway: Gateway;
  private readonly parts: DeviceFrontParts;
  private readonly presence: Presence;
  readonly ownership: Ownership;
  private readonly delivery: DesiredDelivery;
  /** By the identity object of a connection: its epoch over all replicas. Empty where there is one replica. */
  private readonly fences = new WeakMap<Identity, number>();
  /** How many changes of identities were heard of, and by the identity object of a connection how many before its proof. */
  private identityNews = 0;
  private readonly newsBefore = new WeakMap<Identity, number>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly unsubscribe: (() => void)[];

  constructor(parts: DeviceFrontParts) {
    this.parts = parts;
    this.presence = new Presence(parts);
    this.gateway = createGateway({
      host: this.host(),
      policy: CLOUD_POLICY,
      logger: parts.logger,
      clock: parts.clock,
      ...(parts.limits ? { limits: parts.limits } : {}),
    });
    this.ownership = new Ownership({
      ...parts,
      kick: (identity, why, epoch) => this.gateway.kick(identity, why, epoch),
    });
    this.delivery = new DesiredDelivery({
      ...parts,
      deliver: (identity, patch, version) => this.gateway.desired(identity, patch, version),
    });
    this.unsubscribe = [
      parts.bus.on('desired', ({ patch, version, ...who }) => {
        // With other replicas the notice of the commit says so, here as there.
        if (parts.replicas.number === 0) this.gateway.desired(identityOf(who), patch, version);
      }),
      parts.bus.on('connection', (who) => parts.replicas.publish('connection', [clientIdOf(identityOf(who))])),
      parts.bus.on('identity', (event) => {
        this.identityNews += 1;
        parts.replicas.publish('identity', [clientIdOf(identityOf(event))]);
        this.reviewIdentity(event).catch((error) =>
          parts.logger.error('Cannot review a connection', { device: event.deviceId, error: describeError(error) }),
        );
      }),
    ];
  }

  reach(deviceId: string, moduleId: string | undefined): 'ready' | 'deaf' | 'gone' {
    const info = this.gateway.connection(identityOf({ deviceId, moduleId }));
    if (!info) return 'gone';
    return info.session.subscriptions.methods === undefined ? 'deaf' : 'ready';
  }

  send(deviceId: string, moduleId: string | undefined, call: { name: string; rid: string; body: string }): boolean {
    return this.gateway.method(identityOf({ deviceId, moduleId }), call);
  }

  onChange(deviceId: string, moduleId: string | undefined, listener: () => void): () => void {
    const key = clientIdOf(identityOf({ deviceId, moduleId }));
    const set = this.listeners.get(key) ?? new Set();
    this.listeners.set(key, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.listeners.get(key) === set) this.listeners.delete(key);
    };
  }

  async close(): Promise<void> {
    for (const stop of this.unsubscribe) stop();
    await this.gateway.close();
    await this.ownership.close();
    await this.delivery.close();
  }

  private host(): GatewayHost {
    const { intake, twins, methodAnswer, logger } = this.parts;
    return {
      authenticate: (request) => this.authenticate(request),
      sessions: new SessionRows({ ...this.parts, fenceOf: (identity) => this.fences.get(identity) }),
      telemetry: async ({ identity, properties, body }) => {
        await intake.add({ ...identity, properties, body, fence: this.fences.get(identity) });
      },
      twinGet: ({ deviceId, moduleId }) =>
        asIotHubError(async () => {
          const twin = await twins.require(deviceId, moduleId);
          return {
            desired: { ...twin.desired, $version: twin.desiredVersion },
            reported: { ...twin.reported, $version: twin.reportedVersion },
          } as TwinProperties;
        }),
      patchReported: (identity, patch, ifVersion) =>
        asIotHubError(() => {
          const guard = (trx: Db) => requireFence(trx, identity, this.fences.get(identity));
          return twins.report(identity.deviceId, identity.moduleId, withoutReadOnly(patch), ifVersion, guard);
        }),
      methodResult: (identity, { rid, status, body }) => methodAnswer(identity, rid, status, body),
      connected: (info) => {
        this.entered(info.identity, info.epoch);
        this.changed(info.identity);
        logger.info('Connected', {
          client: clientIdOf(info.identity),
          transport: info.transport,
          from: info.remoteAddress,
        });
      },
      disconnected: (info, reason) => {
        this.ownership.left(info.identity, info.epoch);
        this.delivery.left(info.identity, info.epoch);
        this.presence.disconnected(info.identity, info.epoch, reason);
        this.changed(info.identity);
        logger.info('Disconnected', { client: clientIdOf(info.identity), reason });
      },
      subscribed: (info) => this.changed(info.identity),
      refused: ({ clientId, remoteAddress, code, reason }) =>
        logger.warn('Connection refused', { client: clientId, from: remoteAddress, code, reason }),
    };
  }

  private async authenticate(request: ConnectRequest): Promise<ConnectAnswer> {
    const { authenticator, logger, replicas } = this.parts;
    const { deviceId, moduleId } = request.identity;
    try {
      if (!authenticator.isOwnHost(request.hubHost)) {
        return { ok: false, code: REFUSED_UNAUTHORIZED, reason: 'the user name is for another host' };
      }
      this.newsBefore.set(request.identity, this.identityNews);
      const { expiresAtSecs } = await authenticator.authenticateAs(deviceId, moduleId, request.password);
      await this.noteModel(request);
      if (replicas.number !== 0) this.fences.set(request.identity, await this.ownership.claim(request.identity));
      return { ok: true, identity: request.identity, expiresAtSecs };
    } catch (error) {
      if (isEdgeError(error, 'CLOUD_UNAUTHORIZED')) {
        return { ok: false, code: REFUSED_UNAUTHORIZED, reason: error.message };
      }
      logger.error('Cannot authenticate a connection', { error: describeError(error) });
      return { ok: false, code: REFUSED_UNAVAILABLE, reason: 'the store does not answer' };
    }
  }

  private entered(identity: Identity, epoch: number): void {
    const fence = this.fences.get(identity);
    this.presence.connected(identity, epoch, fence);
    if (fence === undefined) {
      // News that are still to come find the connection.
      if (this.newsBefore.get(identity) !== this.identityNews) this.reviewConnection(identity, epoch);
      return;
    }
    this.delivery.entered(identity, epoch);
    this.ownership.entered(identity, epoch, fence);
  }

  // A plug-and-play client names its model when it connects; the twin shows it.
  private async noteModel({ query, identity }: ConnectRequest): Promise<void> {
    const modelId = query.get('model-id');
    if (modelId === null || !MODEL_ID.test(modelId)) return;
    await this.parts.commits.run(async (trx) => {
      await trx
        .updateTable('twin')
        .set({ model_id: modelId })
        .where('device_id', '=', identity.deviceId)
        .where('module_id', '=', identity.moduleId ?? '')
        .where((of) => of.or([of('model_id', 'is', null), of('model_id', '!=', modelId)]))
        .execute();
    }, identity.deviceId);
  }

  // A deleted identity and those of a disabled device lose their connection; new keys count from the next one on.
  private async reviewIdentity(event: PlatformEvents['identity']): Promise<void> {
    const { db } = this.parts;
    if (event.change === 'deleted') this.gateway.kick(identityOf(event), 'the identity was deleted');
    if (event.change !== 'updated' || event.moduleId !== undefined) return;
    const device = await readIdentity(db, event.deviceId);
    if (device?.status !== 'disabled') return;
    this.gateway.kick({ deviceId: event.deviceId }, 'the device is disabled');
    for (const row of await readModules(db, event.deviceId)) {
      this.gateway.kick({ deviceId: row.device_id, moduleId: row.module_id }, 'the device is disabled');
    }
  }

  // Between the proof of a token and CONNACK the device may have been disabled or deleted: that news found no connection to close.
  private reviewConnection(identity: Identity, epoch: number): void {
    const { deviceId, moduleId } = identity;
    const review = async () => {
      if ((await readStanding(this.parts.db, deviceId, moduleId))?.status === 'enabled') return;
      this.gateway.kick(identity, 'the identity was disabled or deleted while it connected', epoch);
    };
    review().catch((error) =>
      this.parts.logger.error('Cannot review a connection', { device: deviceId, error: describeError(error) }),
    );
  }

  private changed(identity: Identity): void {
    if (identity.moduleId === undefined) this.parts.listening?.(identity.deviceId);
    for (const listener of [...(this.listeners.get(clientIdOf(identity)) ?? [])]) listener();
  }
}

function identityOf({ deviceId, moduleId }: { deviceId: string; moduleId?: string | undefined }): Identity {
  return moduleId === undefined ? { deviceId } : { deviceId, moduleId };
}

/** Clients may send their whole section back, with the keys that only the service writes. */
function withoutReadOnly(patch: JsonObject): JsonObject {
  const { $version: _version, $metadata: _metadata, ...rest } = patch;
  return rest;
}

async function asIotHubError<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    // What is not a refusal of ours is a fault of the hub: the gateway logs it and answers 500.
    if (!isEdgeError(error)) throw error;
    const { status, number, message } = iotHubErrorForm(error);
    throw new IotHubError(status, number, message, { cause: error });
  }
}

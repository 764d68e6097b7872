// What the hub does with the traffic of its clients: the front end's host.

import {
  type CloseReason,
  type ConnectAnswer,
  type ConnectionInfo,
  type ConnectRequest,
  clientIdOf,
  type GatewayHost,
  type Identity,
  type InboundMessage,
  type SessionStore,
} from '@wayside/gateway';
import type { Clock, Logger } from '@wayside/kit';
import type { JsonObject, MessageProperties, TwinProperties } from '@wayside/protocol';
import type { Authenticator } from './identity/authenticator.ts';
import type { Ingest } from './ingest.ts';
import { telemetrySource } from './message.ts';
import type { MethodCalls } from './methods/method-calls.ts';
import type { HubMetrics } from './metrics/metrics.ts';
import type { TwinRelay } from './twins/twin-relay.ts';

export interface DeviceHostOptions {
  readonly hubHost: string;
  readonly own: Identity;
  readonly clientsMax: number;
  readonly connectedClients: () => number;
  readonly isConnected: (identity: Identity) => boolean;
  readonly isUpstreamConnected: (clientId: string) => boolean;
  readonly authenticator: Authenticator;
  readonly sessions: SessionStore;
  readonly ingest: Ingest;
  readonly relay: TwinRelay;
  readonly methods: MethodCalls;
  readonly metrics: HubMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onConnected: (info: ConnectionInfo) => void;
  readonly onDisconnected: (info: ConnectionInfo) => void;
}

/** System properties only the hub may set (iotedge.md 3.3). */
const HUB_PROPERTIES = ['connectionDeviceId', 'connectionModuleId'];

export class DeviceHost implements GatewayHost {
  readonly sessions: SessionStore;
  readonly #o: DeviceHostOptions;
  /** Which key or certificate a connected client proved itself with. */
  readonly #proofs = new Map<string, string>();

  constructor(options: DeviceHostOptions) {
    this.#o = options;
    this.sessions = options.sessions;
  }

  async authenticate(request: ConnectRequest): Promise<ConnectAnswer> {
    const { identity } = request;
    const { authenticator, hubHost, own, connectedClients, clientsMax, isConnected } = this.#o;
    if (request.hubHost.toLowerCase() !== hubHost.toLowerCase()) {
      return { ok: false, code: 5, reason: `user name is for IoT Hub ${request.hubHost}, wanted ${hubHost}` };
    }
    if (clientIdOf(identity) === clientIdOf(own)) return { ok: false, code: 5, reason: 'the hub itself is no client' };
    const judgement = await authenticator.authenticate({
      identity,
      token: request.password,
      certificate: request.peerCertificate,
    });
    if (!judgement.ok) return { ok: false, code: 5, reason: judgement.reason };
    // The hub counts as one; a client that is connected already takes its own place.
    if (!isConnected(identity) && connectedClients() + 1 >= clientsMax) {
      return { ok: false, code: 3, reason: `${clientsMax} clients are connected already` };
    }
    this.#proofs.set(clientIdOf(identity), judgement.proof);
    const { expiresAtSecs } = judgement;
    return expiresAtSecs === undefined ? { ok: true, identity } : { ok: true, identity, expiresAtSecs };
  }

  /** Connected clients whose key or certificate is no longer valid. */
  invalid(connections: readonly ConnectionInfo[]): ConnectionInfo[] {
    return connections.filter(({ identity }) => {
      const proof = this.#proofs.get(clientIdOf(identity));
      return proof === undefined || !this.#o.authenticator.isStillGood(identity, proof);
    });
  }

  telemetry({ identity, properties, body }: InboundMessage): Promise<void> {
    return this.#o.ingest.take({
      sender: clientIdOf(identity),
      source: telemetrySource(identity.moduleId, properties.system.outputName),
      properties: withoutHubProperties(properties),
      body,
      enqueuedAtMs: this.#o.clock.nowMs(),
    });
  }

  async twinGet(identity: Identity): Promise<TwinProperties> {
    const { relay, clock, metrics, isUpstreamConnected } = this.#o;
    const clientId = clientIdOf(identity);
    const startedAtMs = clock.monotonicMs();
    const source = isUpstreamConnected(clientId) ? 'cloud' : 'edge_hub';
    const twin = await relay.get(clientId);
    metrics.twinRead(source, clientId, (clock.monotonicMs() - startedAtMs) / 1000);
    return twin;
  }

  async patchReported(identity: Identity, patch: JsonObject, ifVersion: number | undefined): Promise<number> {
    const { relay, clock, metrics } = this.#o;
    const startedAtMs = clock.monotonicMs();
    const version = await relay.patchReported(clientIdOf(identity), patch, ifVersion);
    metrics.reported('edge_hub', clientIdOf(identity), (clock.monotonicMs() - startedAtMs) / 1000);
    return version;
  }

  methodResult(identity: Identity, result: { rid: string; status: number; body: Buffer }): void {
    this.#o.methods.answered(identity, result);
  }

  connected(info: ConnectionInfo): void {
    const clientId = clientIdOf(info.identity);
    this.#o.logger.info('Client connected', {
      client: clientId,
      transport: info.transport,
      sessionPresent: info.sessionPresent,
    });
    this.#o.metrics.clientConnected(clientId);
    this.#o.onConnected(info);
    this.#o.methods.changed(info.identity);
  }

  disconnected(info: ConnectionInfo, reason: CloseReason): void {
    const clientId = clientIdOf(info.identity);
    this.#o.logger.info('Client disconnected', { client: clientId, reason });
    this.#o.metrics.clientGone(clientId);
    this.#proofs.delete(clientId);
    this.#o.onDisconnected(info);
  }

  subscribed(info: ConnectionInfo): void {
    this.#o.methods.changed(info.identity);
  }

  refused({ clientId, code }: { clientId: string; code: number }): void {
    if (code !== 5) return;
    const [deviceId = '', moduleId] = clientId.split('/');
    const known = this.#o.authenticator.knows(moduleId === undefined ? { deviceId } : { deviceId, moduleId });
    this.#o.metrics.clientRefused(known ? clientId : 'unknown');
  }
}

function withoutHubProperties({ system, app }: MessageProperties): MessageProperties {
  const kept = Object.entries(system).filter(([name]) => !HUB_PROPERTIES.includes(name));
  return { system: Object.fromEntries(kept), app: { ...app } };
}

// Builds a gateway: the table of live connections, take-over, and what the host sends out.
//
// INVARIANTS: the table holds at most one connection an identity, the youngest accepted one; a connection that is no longer in the table
// reports nothing to the host when it ends, so a loser's late close never marks the winner Disconnected.

import { describeError, systemClock } from '@wayside/kit';
import { formatPropertyBag, topicOf } from '@wayside/protocol';
import type { Packet } from 'mqtt-packet';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { Gateway, GatewayOptions, TlsListener } from './gateway.ts';
import { handleConnect } from './handle-connect.ts';
import { handlePublish } from './handle-publish.ts';
import { handleSubscribe, handleUnsubscribe } from './handle-subscribe.ts';
import type { CloseReason, DeliveryResult, OutboundMessage } from './host.ts';
import { clientIdOf, type Identity } from './identity.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { listenTls } from './listen-tls.ts';
import { publish } from './packets.ts';
import type { GrantedQos } from './session.ts';
import { attachWebSocket } from './web-socket.ts';

export function createGateway(options: GatewayOptions): Gateway {
  return new DeviceGateway(options);
}

class DeviceGateway implements Gateway, ConnectionOwner {
  readonly host;
  readonly policy;
  readonly limits;
  readonly logger;
  readonly clock;
  /** By client id, accepted connections only. */
  readonly #live = new Map<string, Connection>();
  /** Every open connection, also those that have not said CONNECT. */
  readonly #open = new Set<Connection>();
  #isClosed = false;
  readonly #listeners: TlsListener[] = [];
  readonly #detach: (() => void)[] = [];
  /** Wills and other last words that still go to the host. */
  readonly #lastWords = new Set<Promise<void>>();
  #epoch = 0;

  constructor(options: GatewayOptions) {
    this.host = options.host;
    this.policy = options.policy;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.logger = options.logger;
    this.clock = options.clock ?? systemClock;
  }

  async listenTls(options: Parameters<Gateway['listenTls']>[0]): Promise<TlsListener> {
    const listener = await listenTls(options, {
      limits: this.limits,
      logger: this.logger,
      accept: (socket, peer) => this.accept(socket, peer),
    });
    this.#listeners.push(listener);
    return listener;
  }

  attachWebSocket(...[server, options]: Parameters<Gateway['attachWebSocket']>): void {
    const accept: Gateway['accept'] = (stream, peer) => this.accept(stream, peer);
    this.#detach.push(attachWebSocket(server, { ...options, limits: this.limits, logger: this.logger, accept }));
  }

  accept(...[stream, peer]: Parameters<Gateway['accept']>): void {
    // A handshake that was under way when the gateway closed: nobody would ever close this connection.
    if (this.#isClosed) stream.destroy();
    else this.#open.add(new Connection(this, stream, peer));
  }

  handleConnect(connection: Connection, packet: Extract<Packet, { cmd: 'connect' }>): Promise<void> {
    return handleConnect(connection, packet, {
      nextEpoch: () => ++this.#epoch,
      enter: (entering, identity) => this.#enter(entering, identity),
    });
  }

  handlePacket(connection: Connection, packet: Packet): undefined | Promise<void> {
    switch (packet.cmd) {
      case 'publish':
        handlePublish(connection, packet);
        return undefined;
      case 'subscribe':
        return handleSubscribe(connection, packet);
      case 'unsubscribe':
        return handleUnsubscribe(connection, packet);
      default:
        throw new Error(`Packet ${packet.cmd} is not one that a client may send`);
    }
  }

  #enter(connection: Connection, identity: Identity): void {
    const clientId = clientIdOf(identity);
    const older = this.#live.get(clientId);
    this.#live.set(clientId, connection);
    if (!older) return;
    this.logger.info('Client closed: a new connection of the same identity took its place', {
      client: clientId,
      older: older.peer.remoteAddress,
      newer: connection.peer.remoteAddress,
    });
    older.close('taken-over');
  }

  released(connection: Connection, reason: CloseReason): void {
    this.#open.delete(connection);
    const { established } = connection;
    if (!established) return;
    // IoT Hub sends the will on every end but DISCONNECT; on our own shutdown nothing happened to the client.
    if (established.will && reason !== 'client' && reason !== 'shutdown') this.#sendWill(connection);
    const clientId = clientIdOf(established.identity);
    if (this.#live.get(clientId) !== connection) return;
    this.#live.delete(clientId);
    this.host.disconnected?.(connection.info, reason);
  }

  #sendWill(connection: Connection): void {
    const sent = this.host.telemetry(connection.established!.will!).catch((error) => {
      this.logger.error('A will could not be stored', { client: connection.label, error: describeError(error) });
    });
    this.#lastWords.add(sent);
    void sent.finally(() => this.#lastWords.delete(sent));
  }

  desired(...[identity, patch, version]: Parameters<Gateway['desired']>): boolean {
    const connection = this.#live.get(clientIdOf(identity));
    if (connection?.session.subscriptions.desired === undefined) return false;
    const payload = JSON.stringify({ ...patch, $version: version });
    return connection.write(publish({ topic: topicOf.desired(version), payload, qos: 0 }));
  }

  method(...[identity, call]: Parameters<Gateway['method']>): boolean {
    const connection = this.#live.get(clientIdOf(identity));
    if (!connection) return false;
    return connection.write(publish({ topic: topicOf.method(call.name, call.rid), payload: call.body, qos: 0 }));
  }

  async c2d(identity: Identity, message: OutboundMessage): Promise<DeliveryResult> {
    const topic = topicOf.c2d(identity.deviceId, formatPropertyBag(message.properties));
    return this.#deliver(identity, topic, message, 'c2d');
  }

  async input(identity: Identity, input: string, message: OutboundMessage): Promise<DeliveryResult> {
    if (identity.moduleId === undefined) throw new RangeError('Only modules have inputs');
    const bag = formatPropertyBag(message.properties);
    const topic = topicOf.input(identity.deviceId, identity.moduleId, input, bag);
    return this.#deliver(identity, topic, message, 'inputs');
  }

  async #deliver(identity: Identity, topic: string, message: OutboundMessage, family: 'c2d' | 'inputs') {
    const connection = this.#live.get(clientIdOf(identity));
    if (!connection) return 'gone';
    // Without a recorded subscription a message still goes out: the SDK believes that it is subscribed (iotedge.md 6.7).
    const qos: GrantedQos = connection.session.subscriptions[family] ?? 1;
    if (qos === 0) return connection.write(publish({ topic, payload: message.body, qos })) ? 'acked' : 'gone';
    if (connection.deliveries.isStuck) {
      connection.close('slow-reader');
      return 'gone';
    }
    if (connection.deliveries.isFull) return 'full';
    const { messageId, result } = connection.deliveries.open();
    connection.write(publish({ topic, payload: message.body, qos, messageId, dup: message.duplicate ?? false }));
    return result;
  }

  kick(...[identity, why, epoch]: Parameters<Gateway['kick']>): boolean {
    const connection = this.#live.get(clientIdOf(identity));
    if (!connection || (epoch !== undefined && connection.established?.epoch !== epoch)) return false;
    this.logger.info('Client closed', { client: clientIdOf(identity), why });
    connection.close('kicked');
    return true;
  }

  connection(identity: Identity) {
    return this.#live.get(clientIdOf(identity))?.info;
  }

  connections() {
    return [...this.#live.values()].map((connection) => connection.info);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const closing = this.#listeners.splice(0).map((listener) => listener.close());
    for (const detach of this.#detach.splice(0)) detach();
    for (const connection of [...this.#open]) connection.close('shutdown');
    await Promise.all([...closing, ...this.#lastWords]);
  }
}

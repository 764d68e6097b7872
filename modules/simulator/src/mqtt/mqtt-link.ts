// One MQTT 3.1.1 connection over TLS, as light as five thousand nodes in one process need. Knows packets, not IoT Hub's topics.
//
// INVARIANTS: an operation's promise settles once, by its answer, its time limit or the end of the connection; the end is told once.

import tls from 'node:tls';
import { EdgeError } from '@wayside/kit';
import mqttPacket, { type IConnackPacket, type IPublishPacket, type Packet } from 'mqtt-packet';

/** From the dial to CONNACK. */
const CONNECT_TIMEOUT_MS = 60_000;
/** The SDK waits as long for a PUBACK. */
const ANSWER_TIMEOUT_MS = 30_000;
/** DISCONNECT and close_notify are written by then. */
const CLOSE_GRACE_MS = 2_000;
const PACKET_ID_MAX = 65_535;
const PROTOCOL_LEVEL_311 = 4;
/** A server that says nothing for one and a half keep-alives is gone. */
const SILENCE_FACTOR = 1.5;

export interface LinkTarget {
  host: string;
  port: number;
  /** Name in the certificate. */
  servername: string;
  /** Shared by all connections: reading the CA each time would cost more than the handshake. */
  secureContext: tls.SecureContext;
  /** Own address to dial from. */
  localAddress?: string;
}

export interface LinkCredentials {
  clientId: string;
  username: string;
  password: string;
  keepAliveSecs: number;
}

export interface LinkEvents {
  publish(topic: string, payload: Buffer): void;
  /** Called once, after a CONNACK with 0. */
  closed(why: Error): void;
}

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export class MqttLink {
  readonly #socket: tls.TLSSocket;
  readonly #events: LinkEvents;
  readonly #keepAliveMs: number;
  readonly #parser = mqttPacket.parser({ protocolVersion: PROTOCOL_LEVEL_311 });
  readonly #waiting = new Map<number, Waiting>();
  #connack: ((packet: IConnackPacket) => void) | undefined;
  #refused: ((error: Error) => void) | undefined;
  #packetId = 0;
  #pingTimer: NodeJS.Timeout | undefined;
  #heardAtMs = 0;
  #isOver = false;

  private constructor(target: LinkTarget, keepAliveSecs: number, events: LinkEvents) {
    this.#events = events;
    this.#keepAliveMs = keepAliveSecs * 1000;
    this.#socket = tls.connect(target);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#end(failure(error.message, error)));
    this.#socket.on('close', () => this.#end(failure('the connection was closed')));
    this.#parser.on('packet', (packet) => this.#handle(packet));
    this.#parser.on('error', (error) => this.#end(failure(`malformed packet: ${error.message}`)));
  }

  /** Resolves at CONNACK 0. SIMULATOR_CONNECTION_FAILED, SIMULATOR_TIMEOUT. */
  static async open(target: LinkTarget, credentials: LinkCredentials, events: LinkEvents): Promise<MqttLink> {
    const { clientId, username, password, keepAliveSecs } = credentials;
    const link = new MqttLink(target, keepAliveSecs, events);
    const { promise, resolve, reject } = Promise.withResolvers<IConnackPacket>();
    link.#connack = resolve;
    link.#refused = reject;
    const timer = setTimeout(() => link.#end(late('CONNECT', CONNECT_TIMEOUT_MS)), CONNECT_TIMEOUT_MS);
    link.#socket.once('secureConnect', () =>
      link.#write({
        ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: PROTOCOL_LEVEL_311, clean: false },
        ...{ clientId, username, password: Buffer.from(password), keepalive: keepAliveSecs },
      }),
    );
    try {
      const { returnCode } = await promise;
      if (returnCode !== 0) throw failure(`${clientId} was refused with CONNACK ${returnCode}`);
    } catch (error) {
      link.#isOver = true;
      link.#socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      link.#connack = undefined;
      link.#refused = undefined;
    }
    link.#startPings();
    return link;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** QoS 0: resolves when written to the socket. QoS 1: at PUBACK. */
  async publish(topic: string, payload: string | Buffer, qos: 0 | 1): Promise<void> {
    const packet = { cmd: 'publish', topic, payload, qos, retain: false, dup: false } as const;
    if (qos === 0) {
      if (this.#isOver) throw failure('not connected');
      this.#write({ ...packet, messageId: 0 });
      return;
    }
    await this.#exchange('PUBLISH', (messageId) => this.#write({ ...packet, messageId }));
  }

  async subscribe(topics: readonly { topic: string; qos: 0 | 1 }[]): Promise<void> {
    await this.#exchange('SUBSCRIBE', (messageId) =>
      this.#write({ cmd: 'subscribe', messageId, subscriptions: [...topics] }),
    );
  }

  /** DISCONNECT, then the socket's end; does not tell `closed`. */
  close(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#write({ cmd: 'disconnect' });
    this.#settle(failure('closed by its owner'));
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS);
      this.#socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#socket.end();
    });
  }

  /** As a line that breaks: no DISCONNECT, and `closed` is told. */
  cut(): void {
    this.#end(failure('the line broke'));
  }

  #exchange(what: string, send: (messageId: number) => void): Promise<void> {
    if (this.#isOver) return Promise.reject(failure('not connected'));
    const messageId = this.#freePacketId();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(late(what, ANSWER_TIMEOUT_MS)), ANSWER_TIMEOUT_MS);
      this.#waiting.set(messageId, { resolve, reject, timer });
      send(messageId);
    });
  }

  #freePacketId(): number {
    do this.#packetId = this.#packetId >= PACKET_ID_MAX ? 1 : this.#packetId + 1;
    while (this.#waiting.has(this.#packetId));
    return this.#packetId;
  }

  #receive(chunk: Buffer): void {
    this.#heardAtMs = performance.now();
    this.#parser.parse(chunk);
  }

  #handle(packet: Packet): void {
    switch (packet.cmd) {
      case 'connack':
        this.#connack?.(packet);
        return;
      case 'puback':
      case 'suback':
        this.#answered(packet.messageId ?? 0);
        return;
      case 'publish':
        this.#deliver(packet);
        return;
      default:
    }
  }

  #answered(messageId: number): void {
    const waiting = this.#waiting.get(messageId);
    if (!waiting) return;
    this.#waiting.delete(messageId);
    clearTimeout(waiting.timer);
    waiting.resolve();
  }

  #deliver(packet: IPublishPacket): void {
    if (this.#isOver) return;
    if (packet.qos === 1) this.#write({ cmd: 'puback', messageId: packet.messageId ?? 0 });
    this.#events.publish(packet.topic, packet.payload as Buffer);
  }

  #startPings(): void {
    this.#heardAtMs = performance.now();
    this.#pingTimer = setInterval(() => {
      if (performance.now() - this.#heardAtMs > this.#keepAliveMs * SILENCE_FACTOR) {
        this.#end(failure('the cloud answers no ping'));
      } else this.#write({ cmd: 'pingreq' });
    }, this.#keepAliveMs);
  }

  #write(packet: Packet): void {
    this.#socket.write(mqttPacket.generate(packet));
  }

  #end(why: Error): void {
    if (this.#isOver) return;
    const wasOpen = this.#pingTimer !== undefined;
    this.#settle(why);
    this.#refused?.(why);
    this.#socket.destroy();
    if (wasOpen) this.#events.closed(why);
  }

  #settle(why: Error): void {
    this.#isOver = true;
    clearInterval(this.#pingTimer);
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(why);
    }
    this.#waiting.clear();
  }
}

function failure(why: string, cause?: unknown): EdgeError {
  return new EdgeError('SIMULATOR_CONNECTION_FAILED', `Cannot keep an MQTT connection: ${why}`, {
    ...{ cause, source: 'upstream', retry: 'backoff' },
  });
}

function late(what: string, limitMs: number): EdgeError {
  return new EdgeError('SIMULATOR_TIMEOUT', `Cannot finish ${what}: no answer within ${limitMs} ms`, {
    ...{ source: 'upstream', retry: 'backoff' },
  });
}

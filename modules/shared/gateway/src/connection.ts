// One client connection: bytes in, packets to the handlers, packets out, timers, one close.
//
// INVARIANTS: nothing is handled before a CONNECT was accepted; one packet is handled at a time and a handler that waits (CONNECT,
// SUBSCRIBE) holds the later ones back; while uncommittedPublishesMax publishes are unsettled no further byte is read; close() acts once.

import type { Duplex } from 'node:stream';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import { AckQueue } from './ack-queue.ts';
import { BatchedWriter } from './batched-writer.ts';
import { DeliveryWindow } from './delivery-window.ts';
import { FrameSplitter } from './frame-splitter.ts';
import type { CloseReason, ConnectionInfo, GatewayHost, GatewayPolicy, InboundMessage, Transport } from './host.ts';
import type { Identity } from './identity.ts';
import type { GatewayLimits } from './limits.ts';
import { PacketDecoder, pingresp, puback } from './packets.ts';
import { EMPTY_SESSION, type Session } from './session.ts';

/** What a connection needs from the gateway that owns it. */
export interface ConnectionOwner {
  readonly host: GatewayHost;
  readonly policy: GatewayPolicy;
  readonly limits: GatewayLimits;
  readonly logger: Logger;
  readonly clock: Clock;
  handleConnect(connection: Connection, packet: IConnectPacket): Promise<void>;
  handlePacket(connection: Connection, packet: Packet): undefined | Promise<void>;
  /** Called once, after the connection closed. */
  released(connection: Connection, reason: CloseReason): void;
}

/** What CONNECT established; absent before CONNACK 0. */
export interface Established {
  readonly identity: Identity;
  readonly epoch: number;
  readonly connectedAtMs: number;
  readonly clientType: string | undefined;
  readonly sessionPresent: boolean;
  readonly cleanSession: boolean;
  readonly expiresAtSecs: number | undefined;
  /** Sent as telemetry when the connection ends without DISCONNECT. */
  readonly will: InboundMessage | undefined;
}

export interface Peer {
  readonly transport: Transport;
  readonly remoteAddress: string;
  readonly peerCertificate?: Buffer;
}

export class Connection {
  readonly owner: ConnectionOwner;
  readonly peer: Peer;
  readonly acks: AckQueue;
  readonly deliveries: DeliveryWindow;
  established: Established | undefined;
  session: Session = EMPTY_SESSION;
  /** Reported patches of one client are applied in the order they came. */
  patchTail: Promise<unknown> = Promise.resolve();

  readonly #stream: Duplex;
  readonly #writer: BatchedWriter;
  readonly #frames = new FrameSplitter();
  readonly #decoder = new PacketDecoder();
  readonly #ended = new AbortController();
  #connectTimer: NodeJS.Timeout | undefined;
  #keepAliveTimer: NodeJS.Timeout | undefined;
  #uncommitted = 0;
  #handling = false;
  #paused = false;
  #closed = false;
  #connectSeen = false;

  constructor(owner: ConnectionOwner, stream: Duplex, peer: Peer) {
    this.owner = owner;
    this.peer = peer;
    this.#stream = stream;
    this.#writer = new BatchedWriter(stream);
    this.acks = new AckQueue((messageId) => this.write(puback(messageId)));
    this.deliveries = new DeliveryWindow(owner.limits.unackedDeliveriesMax, owner.limits.deliveryAckTimeoutMs);
    this.#connectTimer = setTimeout(() => this.close('connect-timeout'), owner.limits.connectTimeoutMs);
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('end', () => this.close('lost'));
    stream.on('close', () => this.close('lost'));
    stream.on('error', (error) => {
      owner.logger.debug('Client connection failed', { client: this.label, error: describeError(error) });
      this.close('lost');
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** For log lines: the client when it is known, else its address. */
  get label(): string {
    const identity = this.established?.identity;
    if (!identity) return this.peer.remoteAddress;
    return identity.moduleId === undefined ? identity.deviceId : `${identity.deviceId}/${identity.moduleId}`;
  }

  get info(): ConnectionInfo {
    const { identity, epoch, connectedAtMs, clientType, sessionPresent, expiresAtSecs } = this.established!;
    return {
      identity,
      epoch,
      connectedAtMs,
      clientType,
      sessionPresent,
      expiresAtSecs,
      transport: this.peer.transport,
      remoteAddress: this.peer.remoteAddress,
      session: this.session,
    };
  }

  /** false when the connection is closed, or was closed now because its reader is too slow. */
  write(packet: Buffer): boolean {
    if (this.#closed) return false;
    if (this.#writer.pendingBytes + packet.length > this.owner.limits.outboundBytesMax) {
      this.close('slow-reader');
      return false;
    }
    this.#writer.write(packet);
    return true;
  }

  /** Counts a publish that the host works on; the returned promise never rejects. */
  track(work: Promise<void>): void {
    this.#uncommitted++;
    void work.finally(() => {
      this.#uncommitted--;
      if (this.#uncommitted <= this.owner.limits.uncommittedPublishesResume) this.#advance();
    });
  }

  /** CONNECT is accepted: the timers of a live connection start. */
  establish(established: Established, session: Session, keepAliveSecs: number): void {
    this.established = established;
    this.session = session;
    clearTimeout(this.#connectTimer);
    this.#startKeepAlive(keepAliveSecs);
    if (established.expiresAtSecs !== undefined) {
      const { clock } = this.owner;
      const waitMs = established.expiresAtSecs * 1000 - clock.nowMs();
      clock.sleep(Math.max(0, waitMs), this.#ended.signal).then(
        () => this.close('token-expired'),
        () => undefined,
      );
    }
  }

  close(reason: CloseReason): void {
    if (this.#closed) return;
    this.#writer.flush();
    this.#closed = true;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#keepAliveTimer);
    // With a reason: without one Node makes an exception with a stack for every connection that ends.
    this.#ended.abort(reason);
    this.deliveries.close();
    this.#endStream();
    this.owner.released(this, reason);
  }

  #endStream(): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    stream.end();
    // The peer's half must be read to its end, or its close never shows.
    stream.resume();
    const timer = setTimeout(() => stream.destroy(), this.owner.limits.closeGraceMs);
    timer.unref();
    stream.once('close', () => clearTimeout(timer));
  }

  /** [MQTT-3.1.2-24]: one and a half times the keep-alive. */
  #startKeepAlive(keepAliveSecs: number): void {
    const capMs = this.owner.limits.keepAliveTimeoutMsMax;
    const timeoutMs = keepAliveSecs === 0 ? capMs : Math.min(keepAliveSecs * 1500, capMs);
    this.#keepAliveTimer = setTimeout(() => {
      // A paused socket is silent through our doing, not the client's.
      if (this.#paused) this.#keepAliveTimer?.refresh();
      else this.close('keep-alive');
    }, timeoutMs);
    this.#keepAliveTimer.unref();
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return;
    this.#keepAliveTimer?.refresh();
    this.#frames.push(chunk);
    this.#advance();
  }

  /** Handles packets until bytes, or the room for uncommitted publishes, or a waiting handler says stop. */
  #advance(): void {
    while (!this.#closed && !this.#handling) {
      if (this.#uncommitted >= this.owner.limits.uncommittedPublishesMax) break;
      let waiting: undefined | Promise<void>;
      try {
        const frame = this.#frames.next(this.#packetBytesMax);
        if (!frame) break;
        waiting = this.#dispatch(this.#decoder.decode(frame));
      } catch (error) {
        this.owner.logger.info('Client closed for a protocol error', {
          client: this.label,
          error: describeError(error),
        });
        this.close('protocol-error');
        return;
      }
      if (waiting) this.#hold(waiting);
    }
    this.#steerReading();
  }

  #hold(waiting: Promise<void>): void {
    this.#handling = true;
    waiting
      .catch((error) => {
        this.owner.logger.warn('Client closed: its packet could not be handled', {
          client: this.label,
          error: describeError(error),
        });
        this.close('protocol-error');
      })
      .finally(() => {
        this.#handling = false;
        this.#advance();
      });
  }

  #steerReading(): void {
    if (this.#closed) return;
    const stop = this.#handling || this.#uncommitted >= this.owner.limits.uncommittedPublishesMax;
    if (stop === this.#paused) return;
    this.#paused = stop;
    if (stop) this.#stream.pause();
    else this.#stream.resume();
  }

  get #packetBytesMax(): number {
    const { packetBytesMax, packetBytesMaxBeforeConnack } = this.owner.limits;
    return this.established ? packetBytesMax : packetBytesMaxBeforeConnack;
  }

  #dispatch(packet: Packet): undefined | Promise<void> {
    if (packet.cmd === 'connect') {
      // [MQTT-3.1.0-2]: a second CONNECT is a protocol violation.
      if (this.#connectSeen) throw new Error('Second CONNECT on one connection');
      this.#connectSeen = true;
      // From here on the limit is the host's, authenticateTimeoutMs, which is longer.
      clearTimeout(this.#connectTimer);
      return this.owner.handleConnect(this, packet);
    }
    if (!this.established) throw new Error(`First packet is ${packet.cmd}, wanted CONNECT`);
    if (packet.cmd === 'pingreq') {
      this.write(pingresp());
      return undefined;
    }
    if (packet.cmd === 'disconnect') {
      this.close('client');
      return undefined;
    }
    if (packet.cmd === 'puback') {
      this.deliveries.acknowledge(packet.messageId ?? 0);
      return undefined;
    }
    return this.owner.handlePacket(this, packet);
  }
}

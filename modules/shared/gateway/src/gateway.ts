// The front end as its host program sees it: listeners in, deliveries out.

import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import type { ConnectionInfo, DeliveryResult, GatewayHost, GatewayPolicy, OutboundMessage, Transport } from './host.ts';
import type { Identity } from './identity.ts';
import type { GatewayLimits } from './limits.ts';

export interface GatewayOptions {
  readonly host: GatewayHost;
  readonly policy: GatewayPolicy;
  readonly logger: Logger;
  readonly limits?: Partial<GatewayLimits>;
  readonly clock?: Clock;
}

/** PEM texts. `certificate` holds the leaf first, then its chain. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface TlsListener {
  readonly port: number;
  /** New handshakes use the new certificate, open connections stay. Throws EdgeError GATEWAY_CERTIFICATE_INVALID and keeps the old one. */
  setCertificate(certificate: ServerCertificate): void;
  close(): Promise<void>;
}

export interface Gateway {
  /** MQTT over TLS 1.2+; client certificates are asked for, not required. Port 0 picks a free one. */
  listenTls(options: { port: number; address?: string; certificate: ServerCertificate }): Promise<TlsListener>;
  /** Takes the upgrades of `{pathPrefix}*` with subprotocol `mqtt`; other paths and subprotocols are left to `otherwise`, or refused with 404 and 400. */
  attachWebSocket(
    server: HttpsServer | HttpServer,
    options?: {
      pathPrefix?: string;
      otherwise?: (request: import('node:http').IncomingMessage, socket: Duplex, head: Buffer) => void;
    },
  ): void;
  /** Serves MQTT on any byte stream (tests, other transports). */
  accept(stream: Duplex, peer: { transport: Transport; remoteAddress: string; peerCertificate?: Buffer }): void;

  /** Desired patch; body = patch + `$version`. false when the identity is not connected or not subscribed to desired patches. */
  desired(identity: Identity, patch: JsonObject, version: number): boolean;
  /** Direct method request; also without a recorded subscription. `body` = JSON text or empty. false when not connected. The answer comes by host.methodResult with the same rid. */
  method(identity: Identity, call: { name: string; rid: string; body: string }): boolean;
  /** Cloud-to-device message, QoS 1 (bounded by the subscription). */
  c2d(identity: Identity, message: OutboundMessage): Promise<DeliveryResult>;
  /** Message for a module's input, QoS 1 (bounded by the subscription), also without a recorded subscription. */
  input(identity: Identity, input: string, message: OutboundMessage): Promise<DeliveryResult>;
  /** Closes the identity's connection. With `epoch`, only that one. false when there was none. */
  kick(identity: Identity, why: string, epoch?: number): boolean;

  connection(identity: Identity): ConnectionInfo | undefined;
  connections(): ConnectionInfo[];
  /** Stops the listeners it opened and closes every connection. */
  close(): Promise<void>;
}

// The ports between the front end and the program that hosts it (the cloud, edgeHub). The front end knows MQTT; the host knows facts.

import type { JsonObject, MessageProperties, TwinProperties } from '@wayside/protocol';
import type { Identity } from './identity.ts';
import type { Session } from './session.ts';

export type Transport = 'mqtt' | 'mqtt-websocket';

/** What a client claims in CONNECT. Client id and user name already agree with each other; nothing else is proved. */
export interface ConnectRequest {
  /** The claim: from the client id. */
  readonly identity: Identity;
  /** Host part of the user name (the IoT Hub host name, may carry a port). */
  readonly hubHost: string;
  /** Query part of the user name: api-version, DeviceClientType, model-id, auth-chain. */
  readonly query: URLSearchParams;
  /** SAS token, secret. undefined when the client sent none (X.509). */
  readonly password: string | undefined;
  /** DER of the client's TLS certificate; presented, not verified. */
  readonly peerCertificate: Buffer | undefined;
  readonly remoteAddress: string;
  readonly transport: Transport;
}

/** Refusal codes are those of CONNACK: 2 identifier rejected, 3 server unavailable, 4 bad user name or password, 5 not authorized. */
export type ConnectAnswer =
  | {
      readonly ok: true;
      readonly identity: Identity;
      /** Token expiry, unix seconds: the connection is closed then. undefined = no limit (X.509). */
      readonly expiresAtSecs?: number;
    }
  | { readonly ok: false; readonly code: 2 | 3 | 4 | 5; readonly reason: string };

export interface ConnectionInfo {
  readonly identity: Identity;
  /** Rises with every accepted connection of this gateway: tells an old connection of an identity from a new one. */
  readonly epoch: number;
  readonly transport: Transport;
  readonly remoteAddress: string;
  readonly connectedAtMs: number;
  readonly clientType: string | undefined;
  readonly sessionPresent: boolean;
  readonly session: Session;
  readonly expiresAtSecs: number | undefined;
}

/** Why a connection ended. `client` = DISCONNECT, `lost` = the socket closed without one. */
export type CloseReason =
  | 'client'
  | 'lost'
  | 'taken-over'
  | 'keep-alive'
  | 'token-expired'
  | 'kicked'
  | 'protocol-error'
  | 'forbidden-topic'
  | 'unknown-topic'
  | 'message-too-large'
  | 'not-stored'
  | 'slow-reader'
  | 'shutdown'
  | 'connect-timeout'
  | 'refused';

export interface InboundMessage {
  /** Sender: authenticated, and equal to the topic's. */
  readonly identity: Identity;
  /** Decoded property bag; a retained publish carries app property `mqtt-retain` = `true`, a will `iothub-MessageType` = `Will`. */
  readonly properties: MessageProperties;
  readonly body: Buffer;
}

export interface OutboundMessage {
  readonly properties: MessageProperties;
  readonly body: Buffer;
  /** Set on a repeated delivery: the DUP flag. */
  readonly duplicate?: boolean;
}

/** acked: PUBACK came (QoS 0 subscription: written). gone: no connection, or it closed first. timeout: no PUBACK in time. full: the window is full, try later. */
export type DeliveryResult = 'acked' | 'gone' | 'timeout' | 'full';

/** Durable sessions, one record an identity. */
export interface SessionStore {
  load(identity: Identity): Promise<Session | undefined>;
  /** Resolves when the session is on disk: SUBACK waits for it. */
  save(identity: Identity, session: Session): Promise<void>;
  /** CONNECT with clean session 1. */
  remove(identity: Identity): Promise<void>;
}

/** What the host does with the traffic. Errors meant for the client are thrown as IotHubError; anything else answers 500 and is logged. */
export interface GatewayHost {
  authenticate(request: ConnectRequest): Promise<ConnectAnswer>;
  readonly sessions: SessionStore;
  /** PUBACK is sent after this resolved; when it rejects the connection is closed without it, so that the client sends again. Called in the order of arrival, many at a time. */
  telemetry(message: InboundMessage): Promise<void>;
  /** The document a twin GET answers: `{desired:{..,$version}, reported:{..,$version}}`, no tags, no $metadata. */
  twinGet(identity: Identity): Promise<TwinProperties>;
  /** Merges the patch, returns the new reported version. `ifVersion` is the client's optional precondition. One at a time per connection, in order. */
  patchReported(identity: Identity, patch: JsonObject, ifVersion: number | undefined): Promise<number>;
  /** A client's answer to a method call. `body` as sent: JSON text or empty. */
  methodResult(identity: Identity, result: { rid: string; status: number; body: Buffer }): void;
  /** After CONNACK was written. A take-over reports only this, never the loser's end. */
  connected?(info: ConnectionInfo): void;
  disconnected?(info: ConnectionInfo, reason: CloseReason): void;
  /** After SUBACK or UNSUBACK was written. */
  subscribed?(info: ConnectionInfo): void;
  /** CONNECT refused (by host or protocol). */
  refused?(event: { clientId: string; remoteAddress: string; code: number; reason: string }): void;
}

/** Where the two hosts differ. */
export interface GatewayPolicy {
  /** Publish to a topic that is not one of the protocol's: IoT Hub closes, edgeHub acknowledges and drops (iotedge.md 3.3). */
  readonly unknownPublish: 'close' | 'ack-and-drop';
  /** Message above messageBytesMax: likewise. */
  readonly oversizedMessage: 'close' | 'ack-and-drop';
  /** Filter that is not one of the protocol's: IoT Hub answers 0x80, edgeHub grants and ignores. */
  readonly unknownFilter: 'refuse' | 'grant-and-ignore';
}

export const CLOUD_POLICY: GatewayPolicy = {
  unknownPublish: 'close',
  oversizedMessage: 'close',
  unknownFilter: 'refuse',
};
export const EDGE_POLICY: GatewayPolicy = {
  unknownPublish: 'ack-and-drop',
  oversizedMessage: 'ack-and-drop',
  unknownFilter: 'grant-and-ignore',
};

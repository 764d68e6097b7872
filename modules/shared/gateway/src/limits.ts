// Every bound of the front end by name. A host program may override single values when it creates the gateway.

export interface GatewayLimits {
  /** From accept to a complete CONNECT packet (the TLS handshake has the same limit of its own). */
  readonly connectTimeoutMs: number;
  /** How long the host may take to judge a CONNECT. */
  readonly authenticateTimeoutMs: number;
  /** Largest packet before CONNACK: a client that has not authenticated may make us buffer no more than this. */
  readonly packetBytesMaxBeforeConnack: number;
  /** Largest packet after CONNACK: a 256 KiB message with its topic and property bag fits. */
  readonly packetBytesMax: number;
  /** Largest message body or twin patch handed to the host; IoT Hub's device-to-cloud limit. */
  readonly messageBytesMax: number;
  /** Publishes of one connection that the host has not settled; above it the socket is paused. */
  readonly uncommittedPublishesMax: number;
  /** Reading goes on when this few are left. */
  readonly uncommittedPublishesResume: number;
  /** Unacknowledged QoS 1 deliveries of one connection; deliveries beyond it answer 'full'. */
  readonly unackedDeliveriesMax: number;
  /** How long a QoS 1 delivery waits for its PUBACK before it answers 'timeout'. */
  readonly deliveryAckTimeoutMs: number;
  /** Bytes waiting in a connection's send buffer; a reader slower than that is disconnected. */
  readonly outboundBytesMax: number;
  /** Topic filters of one SUBSCRIBE or UNSUBSCRIBE. */
  readonly filtersPerPacketMax: number;
  /** Cap of the keep-alive timeout; also used for keep-alive 0. IoT Hub's own cap. */
  readonly keepAliveTimeoutMsMax: number;
  /** Open sockets of one listener. */
  readonly connectionsMax: number;
  /** After end() the peer has this long to close its half. */
  readonly closeGraceMs: number;
}

export const DEFAULT_LIMITS: GatewayLimits = {
  connectTimeoutMs: 10_000,
  authenticateTimeoutMs: 50_000,
  packetBytesMaxBeforeConnack: 16 * 1024,
  packetBytesMax: 300 * 1024,
  messageBytesMax: 256 * 1024,
  uncommittedPublishesMax: 64,
  uncommittedPublishesResume: 32,
  unackedDeliveriesMax: 100,
  deliveryAckTimeoutMs: 30_000,
  outboundBytesMax: 4 * 1024 * 1024,
  filtersPerPacketMax: 10,
  keepAliveTimeoutMsMax: 1_767_000,
  connectionsMax: 20_000,
  closeGraceMs: 2_000,
};

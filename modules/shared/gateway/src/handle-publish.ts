// PUBLISH from a client: which of the protocol's topics it is, whether the topic is the sender's own, what the host shall do with it.

import { describeError } from '@wayside/kit';
import { type InboundTopic, type MessageProperties, parseInboundTopic, parsePropertyBag } from '@wayside/protocol';
import type { IPublishPacket } from 'mqtt-packet';
import type { Connection } from './connection.ts';
import type { CloseReason } from './host.ts';
import { sameIdentity } from './identity.ts';
import { answerTwinGet, answerTwinPatch } from './twin-requests.ts';

export function handlePublish(connection: Connection, packet: IPublishPacket): void {
  // IoT Hub has no QoS 2: it drops the connection (cloud.md 1.6).
  if (packet.qos === 2) throw new Error('PUBLISH with QoS 2');
  if (packet.qos === 1 && !packet.messageId) throw new Error('PUBLISH with QoS 1 and packet id 0');
  if (/[+#\0]/.test(packet.topic)) throw new Error('PUBLISH topic holds a wildcard or a null character');
  const topic = parseInboundTopic(packet.topic);
  if (!topic) {
    connection.owner.logger.info('Publish to an unknown topic', { client: connection.label, topic: packet.topic });
    drop(connection, packet, connection.owner.policy.unknownPublish, 'unknown-topic');
    return;
  }
  const body = packet.payload as Buffer;
  if (body.length > connection.owner.limits.messageBytesMax) {
    connection.owner.logger.info('Message too large', { client: connection.label, bytes: body.length });
    drop(connection, packet, connection.owner.policy.oversizedMessage, 'message-too-large');
    return;
  }
  if (topic.kind === 'telemetry') {
    takeTelemetry(connection, packet, topic, body);
    return;
  }
  const acknowledge = reserveAck(connection, packet);
  switch (topic.kind) {
    case 'twinGet':
      connection.track(answerTwinGet(connection, topic.rid).then(acknowledge));
      return;
    case 'twinReported':
      connection.track(answerTwinPatch(connection, topic, body).then(acknowledge));
      return;
    case 'methodResult':
      connection.owner.host.methodResult(connection.established!.identity, {
        rid: topic.rid,
        status: topic.status,
        body,
      });
      acknowledge();
  }
}

function takeTelemetry(
  connection: Connection,
  packet: IPublishPacket,
  topic: Extract<InboundTopic, { kind: 'telemetry' }>,
  body: Buffer,
): void {
  const { identity } = connection.established!;
  if (!sameIdentity(topic, identity)) {
    connection.owner.logger.warn('Client closed: it published for another identity', {
      client: connection.label,
      topic: packet.topic,
    });
    connection.close('forbidden-topic');
    return;
  }
  const properties: MessageProperties = parsePropertyBag(topic.bag);
  if (packet.retain) properties.app['mqtt-retain'] = 'true';
  const acknowledge = reserveAck(connection, packet);
  const stored = connection.owner.host.telemetry({ identity, properties, body });
  connection.track(
    stored.then(acknowledge, (error) => {
      connection.owner.logger.error('Client closed: its message could not be stored', {
        client: connection.label,
        error: describeError(error),
      });
      connection.close('not-stored');
    }),
  );
}

function reserveAck(connection: Connection, packet: IPublishPacket): () => void {
  return packet.qos === 1 ? connection.acks.reserve(packet.messageId!) : () => undefined;
}

function drop(connection: Connection, packet: IPublishPacket, policy: 'close' | 'ack-and-drop', reason: CloseReason) {
  if (policy === 'close') connection.close(reason);
  else reserveAck(connection, packet)();
}

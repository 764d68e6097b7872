// SUBSCRIBE and UNSUBSCRIBE: filters become families of the session, the session is stored, then the answer leaves.

import { parseSubscription } from '@wayside/protocol';
import type { ISubscribePacket, IUnsubscribePacket } from 'mqtt-packet';
import type { Connection } from './connection.ts';
import { suback, unsuback } from './packets.ts';
import { type GrantedQos, type Session, withoutSubscription, withSubscription } from './session.ts';

/** SUBACK's failure code [MQTT-3.9.3-2]. */
const REFUSED = 0x80;

export async function handleSubscribe(connection: Connection, packet: ISubscribePacket): Promise<void> {
  requireFilters(connection, packet.messageId, packet.subscriptions.length);
  const { identity } = connection.established!;
  const { policy, logger } = connection.owner;
  let session = connection.session;
  const granted = packet.subscriptions.map(({ topic, qos }) => {
    // QoS 2 is granted as 1 (cloud.md 1.6).
    const grantedQos: GrantedQos = qos === 0 ? 0 : 1;
    const family = parseSubscription(topic, identity);
    if (family) {
      session = withSubscription(session, family, grantedQos);
      return grantedQos;
    }
    logger.info('Subscription to an unknown topic', { client: connection.label, filter: topic });
    return policy.unknownFilter === 'refuse' ? REFUSED : grantedQos;
  });
  await store(connection, session);
  connection.write(suback(packet.messageId!, granted));
  if (!connection.isClosed) connection.owner.host.subscribed?.(connection.info);
}

export async function handleUnsubscribe(connection: Connection, packet: IUnsubscribePacket): Promise<void> {
  requireFilters(connection, packet.messageId, packet.unsubscriptions.length);
  const { identity } = connection.established!;
  let session = connection.session;
  for (const filter of packet.unsubscriptions) {
    const family = parseSubscription(filter, identity);
    if (family) session = withoutSubscription(session, family);
  }
  await store(connection, session);
  connection.write(unsuback(packet.messageId!));
  if (!connection.isClosed) connection.owner.host.subscribed?.(connection.info);
}

function requireFilters(connection: Connection, messageId: number | undefined, count: number): void {
  if (!messageId) throw new Error('SUBSCRIBE or UNSUBSCRIBE with packet id 0');
  const max = connection.owner.limits.filtersPerPacketMax;
  if (count === 0 || count > max) throw new Error(`${count} topic filters in one packet, wanted 1 to ${max}`);
}

/** A clean session lives as long as its connection; any other one is on disk before the client hears of it. */
async function store(connection: Connection, session: Session): Promise<void> {
  const { identity, cleanSession } = connection.established!;
  if (!cleanSession) await connection.owner.host.sessions.save(identity, session);
  connection.session = session;
}

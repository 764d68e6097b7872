// CONNECT in phases: protocol, claim, will, host's judgement, session, take-over, CONNACK. Reading the names is reading the protocol.

import { describeError } from '@wayside/kit';
import { parseInboundTopic, parsePropertyBag, parseUserName } from '@wayside/protocol';
import type { IConnectPacket } from 'mqtt-packet';
import type { Connection } from './connection.ts';
import type { ConnectAnswer, ConnectRequest, InboundMessage } from './host.ts';
import { clientIdOf, type Identity, parseClientId, sameIdentity } from './identity.ts';
import { connack, isMqtt311 } from './packets.ts';
import { EMPTY_SESSION, type Session } from './session.ts';

/** CONNACK return codes [MQTT-3.2.2.3]. */
const ACCEPTED = 0;
const UNACCEPTABLE_PROTOCOL = 1;
const IDENTIFIER_REJECTED = 2;
const SERVER_UNAVAILABLE = 3;
const BAD_USER_NAME = 4;
const NOT_AUTHORIZED = 5;

type Refusal = { code: number; reason: string };
type Accepted = Extract<ConnectAnswer, { ok: true }>;

/** The part of the gateway that knows all connections. */
export interface ConnectionRegistry {
  nextEpoch(): number;
  /** Puts the connection in the place of an older one of the same identity, which is closed. */
  enter(connection: Connection, identity: Identity): void;
}

export async function handleConnect(connection: Connection, packet: IConnectPacket, registry: ConnectionRegistry) {
  const claim = readClaim(connection, packet);
  if ('code' in claim) return refuse(connection, packet, claim);
  const will = readWill(packet, claim.identity);
  if (will && 'code' in will) return refuse(connection, packet, will);
  const answer = await askHost(connection, claim);
  if ('code' in answer) return refuse(connection, packet, answer);
  const restored = await restoreSession(connection, answer.identity, packet.clean === true);
  if ('code' in restored) return refuse(connection, packet, restored);
  if (connection.isClosed) return;

  const { owner } = connection;
  connection.establish(
    {
      identity: answer.identity,
      epoch: registry.nextEpoch(),
      connectedAtMs: owner.clock.nowMs(),
      clientType: claim.query.get('DeviceClientType') ?? undefined,
      sessionPresent: restored.present,
      cleanSession: packet.clean === true,
      expiresAtSecs: answer.expiresAtSecs,
      will,
    },
    restored.session,
    packet.keepalive ?? 0,
  );
  registry.enter(connection, answer.identity);
  connection.write(connack(ACCEPTED, restored.present));
  owner.host.connected?.(connection.info);
}

/** Client id and user name must say the same; what they say is still only a claim. */
function readClaim(connection: Connection, packet: IConnectPacket): ConnectRequest | Refusal {
  if (!isMqtt311(packet)) return { code: UNACCEPTABLE_PROTOCOL, reason: 'protocol is not MQTT 3.1.1' };
  const identity = parseClientId(packet.clientId);
  if (!identity) return { code: IDENTIFIER_REJECTED, reason: 'client id is not {deviceId} or {deviceId}/{moduleId}' };
  const userName = parseUserName(String(packet.username ?? ''));
  if (!userName) return { code: BAD_USER_NAME, reason: 'user name is not {host}/{clientId}/?{query}' };
  if (!sameIdentity(identity, userName)) {
    return { code: IDENTIFIER_REJECTED, reason: 'client id and user name name different identities' };
  }
  const { peer } = connection;
  return {
    identity,
    hubHost: userName.host,
    query: userName.query,
    password: packet.password === undefined ? undefined : packet.password.toString('utf8'),
    peerCertificate: peer.peerCertificate,
    remoteAddress: peer.remoteAddress,
    transport: peer.transport,
  };
}

/** A will is telemetry of its own sender, or nothing (cloud.md 1.2). */
function readWill(packet: IConnectPacket, identity: Identity): InboundMessage | Refusal | undefined {
  if (!packet.will) return undefined;
  try {
    const topic = parseInboundTopic(packet.will.topic);
    if (topic?.kind === 'telemetry' && sameIdentity(topic, identity)) {
      const properties = parsePropertyBag(topic.bag);
      properties.app['iothub-MessageType'] = 'Will';
      if (packet.will.retain) properties.app['mqtt-retain'] = 'true';
      return { identity, properties, body: Buffer.from(packet.will.payload) };
    }
  } catch {
    // A malformed will topic is refused like a foreign one.
  }
  return { code: NOT_AUTHORIZED, reason: "will topic is not the client's own events topic" };
}

async function askHost(connection: Connection, claim: ConnectRequest): Promise<Accepted | Refusal> {
  const { host, limits, logger, clock } = connection.owner;
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${limits.authenticateTimeoutMs} ms`)),
    limits.authenticateTimeoutMs,
  );
  try {
    const answer = await Promise.race([host.authenticate(claim), timeout]);
    if (!answer.ok) return { code: answer.code, reason: answer.reason };
    if (!sameIdentity(answer.identity, claim.identity)) {
      return { code: NOT_AUTHORIZED, reason: 'credentials are those of another identity' };
    }
    if (answer.expiresAtSecs !== undefined && answer.expiresAtSecs * 1000 <= clock.nowMs()) {
      return { code: NOT_AUTHORIZED, reason: 'token expired' };
    }
    return answer;
  } catch (error) {
    logger.error('Cannot authenticate a client', { client: clientIdOf(claim.identity), error: describeError(error) });
    return { code: SERVER_UNAVAILABLE, reason: 'authentication failed for a reason of the server' };
  } finally {
    clearTimeout(timer);
  }
}

/** Clean session 0 restores what is stored, or begins a stored session; 1 forgets it [MQTT-3.1.2-4, -6]. */
async function restoreSession(
  connection: Connection,
  identity: Identity,
  clean: boolean,
): Promise<{ session: Session; present: boolean } | Refusal> {
  const { host, logger } = connection.owner;
  try {
    if (clean) {
      await host.sessions.remove(identity);
      return { session: EMPTY_SESSION, present: false };
    }
    const stored = await host.sessions.load(identity);
    if (stored) return { session: stored, present: true };
    await host.sessions.save(identity, EMPTY_SESSION);
    return { session: EMPTY_SESSION, present: false };
  } catch (error) {
    logger.error('Cannot restore a session', { client: clientIdOf(identity), error: describeError(error) });
    return { code: SERVER_UNAVAILABLE, reason: 'the session store failed' };
  }
}

function refuse(connection: Connection, packet: IConnectPacket, { code, reason }: Refusal): void {
  const { remoteAddress } = connection.peer;
  connection.owner.logger.info('Client refused', { client: packet.clientId, remoteAddress, code, reason });
  connection.owner.host.refused?.({ clientId: packet.clientId, remoteAddress, code, reason });
  connection.write(connack(code, false));
  connection.close('refused');
}

// MQTT over WebSocket: takes the upgrades of one path prefix on a server that others own, subprotocol `mqtt` [MQTT-6.0.0-3].

import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { describeError, type Logger } from '@wayside/kit';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { Peer } from './connection.ts';
import type { GatewayLimits } from './limits.ts';
import { peerCertificateOf } from './listen-tls.ts';

/** C# and Java append a query, some clients a slash: the path is matched by its beginning (cloud.md 1.1). */
export const WEB_SOCKET_PATH_PREFIX = '/$iothub/websocket';
const SUBPROTOCOL = 'mqtt';

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export function attachWebSocket(
  server: HttpsServer | HttpServer,
  o: {
    pathPrefix?: string;
    otherwise?: UpgradeHandler;
    limits: GatewayLimits;
    logger: Logger;
    accept: (stream: Duplex, peer: Peer) => void;
  },
): () => void {
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // A client may put a packet into several frames or several packets into one; a frame is never longer than the longest packet.
    maxPayload: o.limits.packetBytesMax,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  const prefix = o.pathPrefix ?? WEB_SOCKET_PATH_PREFIX;
  const onUpgrade: UpgradeHandler = (request, socket, head) => {
    const isOurPath = decodePath(request.url).startsWith(prefix);
    if (!isOurPath || !offersMqtt(request)) {
      // IoT Hub serves AMQP on the same path: the subprotocol tells them apart.
      if (o.otherwise) o.otherwise(request, socket, head);
      else rejectUpgrade(socket, isOurPath ? '400 Bad Request' : '404 Not Found');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const stream = createWebSocketStream(webSocket);
      webSocket.on('error', (error) => o.logger.debug('WebSocket failed', { error: describeError(error) }));
      o.accept(stream, {
        transport: 'mqtt-websocket',
        remoteAddress: request.socket.remoteAddress ?? 'unknown',
        peerCertificate: socket instanceof TLSSocket ? peerCertificateOf(socket) : undefined,
      });
    });
  };
  server.on('upgrade', onUpgrade);
  return () => {
    server.off('upgrade', onUpgrade);
    webSockets.close();
  };
}

function decodePath(url: string | undefined): string {
  try {
    return decodeURIComponent((url ?? '').split('?', 1)[0]!);
  } catch {
    return '';
  }
}

function offersMqtt(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim().toLowerCase() === SUBPROTOCOL);
}

function rejectUpgrade(socket: Duplex, status: string): void {
  socket.once('error', () => socket.destroy());
  // A peer that never closes its half would hold the socket for ever: no timeout of the HTTP server counts after an upgrade.
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

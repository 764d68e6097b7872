// AMQP over WebSocket: the upgrades of IoT Hub's path with subprotocol AMQPWSB10, which the MQTT front leaves to others (cloud.md 2.10).

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WEB_SOCKET_PATH_PREFIX } from '@wayside/gateway';
import { describeError, type Logger } from '@wayside/kit';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { FRAME_BYTES_MAX } from './frame-guard.ts';

const SUBPROTOCOL = 'AMQPWSB10';

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Takes what fits and refuses the rest: it is the last one asked. */
export function amqpUpgrades(accept: (stream: Duplex) => void, logger: Logger): UpgradeHandler {
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // Clients put one frame into a message, or pieces of one.
    maxPayload: FRAME_BYTES_MAX,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  return (request, socket, head) => {
    const isOurPath = decodePath(request.url).startsWith(WEB_SOCKET_PATH_PREFIX);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!isOurPath || !offered.includes(SUBPROTOCOL)) {
      refuse(socket, isOurPath ? '400 Bad Request' : '404 Not Found');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', (error) => logger.debug('WebSocket failed', { error: describeError(error) }));
      accept(createWebSocketStream(webSocket));
    });
  };
}

function decodePath(url: string | undefined): string {
  try {
    return decodeURIComponent((url ?? '').split('?', 1)[0] ?? '');
  } catch {
    return '';
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.once('error', () => socket.destroy());
  // A peer that never closes its half would hold the socket for ever.
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

// The listener for clients. Each connection begins as a plain one; node:http's server takes over those that ask for more than that.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { turns } from '../deliver/turns.ts';
import type { RequestHead, ResponseChannel } from './exchange.ts';
import { PlainConnection, type PlainConnectionOwner } from './plain-connection.ts';
import { REQUEST_HEAD_BYTES_MAX } from './request-head.ts';

// Not imported: as a module it brings Node's WebSocket client along, which is a tenth of the time from a kill to the first answer.
const { createServer } = process.getBuiltinModule('node:http');

/** Connections; each costs some KiB. */
export const CONNECTIONS_MAX = 50_000;
/** A request's head must be there by then. */
const REQUEST_HEAD_TIMEOUT_MS = 10_000;
/** A request with its body must be there by then; what moves too slowly goes before. */
const REQUEST_TIMEOUT_MS = 600_000;
/** Idle connections are kept for the client's next piece. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** A connection on which nothing moves, in either direction. */
const SOCKET_IDLE_TIMEOUT_MS = 120_000;
const LISTEN_BACKLOG = 4096;
/** How often connections are looked at for the time limits. */
const SWEEP_INTERVAL_MS = 1000;

export type ContentListener = (request: RequestHead, response: ResponseChannel) => void;

/** A server for content, not listening yet; kit's listen() and closeServer() work on it. */
export function makeContentServer(handle: ContentListener): Server {
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      headersTimeout: REQUEST_HEAD_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
      noDelay: true,
    },
    (request: IncomingMessage, response: ServerResponse) => handle(request, response as unknown as ResponseChannel),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = SOCKET_IDLE_TIMEOUT_MS;
  acceptPlainConnections(server, handle);
  // The listener's backlog is an option of listen(); kit passes none, so it is fixed here.
  const { listen: listenPlain } = server;
  server.listen = ((options: object, ...rest: unknown[]) =>
    listenPlain.call(
      server,
      { backlog: LISTEN_BACKLOG, ...options } as never,
      ...(rest as []),
    )) as typeof server.listen;
  return server;
}

/** Puts plain connections in front of the server's own listener for connections. */
function acceptPlainConnections(server: Server, handle: ContentListener): void {
  const full = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const connections = new Set<PlainConnection>();
  let isClosing = false;
  let date = '';
  const owner: PlainConnectionOwner = {
    handle,
    handOver({ socket }) {
      for (const listener of full) listener.call(server, socket);
    },
    date() {
      if (date === '') date = new Date().toUTCString();
      return date;
    },
    onClose: (connection) => connections.delete(connection),
  };
  server.on('connection', (socket: Socket) => {
    turns.noteArrival();
    if (isClosing) socket.destroy();
    else connections.add(new PlainConnection(socket, owner));
  });
  const sweep = setInterval(() => {
    date = '';
    const nowMs = performance.now();
    for (const connection of connections) {
      const limitMs = connection.isBusy
        ? SOCKET_IDLE_TIMEOUT_MS
        : connection.isReadingHead
          ? REQUEST_HEAD_TIMEOUT_MS
          : KEEP_ALIVE_TIMEOUT_MS;
      if (nowMs - connection.movedAtMs > limitMs) connection.socket.destroy();
    }
  }, SWEEP_INTERVAL_MS);
  sweep.unref();
  server.once('close', () => clearInterval(sweep));
  const { closeIdleConnections } = server;
  server.closeIdleConnections = () => {
    isClosing = true;
    for (const connection of connections) connection.endSoon();
    closeIdleConnections.call(server);
  };
}

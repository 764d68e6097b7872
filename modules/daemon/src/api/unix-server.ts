// An HTTP server on a unix socket with the limits of both sockets: open connections, header and request time.

import { chmod, chown, unlink } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { closeServer, listen } from '@wayside/kit';

/** A client that does not finish its headers or its request in this time is cut off. */
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 60_000;
/** Open requests get this long to end when the daemon stops. */
const CLOSE_GRACE_MS = 2_000;

export interface UnixServerOptions {
  path: string;
  mode: number;
  /** Group that may use the socket; undefined = that of the process. */
  groupId?: number;
  /** Further connections are closed at once. */
  connectionsMax: number;
  listener: RequestListener;
}

/** Listens; a stale socket file of a dead process is replaced. */
export async function openUnixServer(o: UnixServerOptions): Promise<Server> {
  const server = createServer({ headersTimeout: HEADERS_MS_MAX, requestTimeout: REQUEST_MS_MAX }, o.listener);
  server.maxConnections = o.connectionsMax;
  await listen(server, { path: o.path, mode: o.mode });
  if (o.groupId !== undefined) {
    await chown(o.path, 0, o.groupId);
    await chmod(o.path, o.mode);
  }
  return server;
}

/** Stops listening and removes the socket file. */
export async function closeUnixServer(server: Server, path: string): Promise<void> {
  await closeServer(server, CLOSE_GRACE_MS);
  await unlink(path).catch(() => undefined);
}

// Opens listeners and names the reason when it cannot; closes them within a time limit.

import { chmod, lstat, unlink } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, connect, type ListenOptions, type Server, type Socket } from 'node:net';
import { EdgeError } from './edge-error.ts';

export interface PortAddress {
  /** 0 = any free port. */
  port: number;
  /** Default: all addresses. */
  host?: string;
  /** Several processes or workers may listen on the same port (SO_REUSEPORT). */
  reusePort?: boolean;
}
export interface SocketAddress {
  /** Path of a unix socket; a stale file of a dead process is removed first. */
  path: string;
  /** Rights of the socket file, e.g. 0o660. */
  mode?: number;
}

/** How long a peer gets to answer before a socket file counts as in use. */
const SOCKET_PROBE_MS_MAX = 1000;
/** How long open requests get to end when a server closes. */
export const CLOSE_GRACE_MS_MAX = 5000;

/** Sockets of each server that listens: an HTTP server knows nothing of those in a TLS handshake or after an upgrade. */
const openSockets = new WeakMap<Server, Set<Socket>>();

/** Starts listening; resolves with the address, rejects with KIT_PORT_TAKEN and its kin. */
export function listen(server: Server, address: PortAddress): Promise<AddressInfo>;
export function listen(server: Server, address: SocketAddress): Promise<string>;
export async function listen(server: Server, address: PortAddress | SocketAddress): Promise<AddressInfo | string> {
  if ('path' in address) {
    await removeStaleSocket(address.path);
    await startListening(server, { path: address.path });
    if (address.mode !== undefined) await chmod(address.path, address.mode);
    return address.path;
  }
  const { port, host, reusePort } = address;
  await startListening(server, { port, host, reusePort });
  return server.address() as AddressInfo;
}

function startListening(server: Server, options: ListenOptions): Promise<void> {
  if (!openSockets.has(server)) keepSockets(server);
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, options));
    server.once('error', onError);
    server.listen(options, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function keepSockets(server: Server): void {
  const sockets = new Set<Socket>();
  openSockets.set(server, sockets);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
}

function listenError(error: NodeJS.ErrnoException, options: ListenOptions): EdgeError {
  const where = options.path ?? `${options.host ?? '*'}:${options.port}`;
  const details = { address: where };
  if (error.code === 'EADDRINUSE') {
    return new EdgeError('KIT_PORT_TAKEN', `Cannot listen on ${where}: another process has it, wanted a free one`, {
      cause: error,
      details,
      source: 'config',
      retry: 'backoff',
    });
  }
  const code = error.code === 'EACCES' || error.code === 'EPERM' ? 'KIT_PORT_DENIED' : 'KIT_LISTEN_FAILED';
  return new EdgeError(code, `Cannot listen on ${where}`, { cause: error, details, source: 'config' });
}

/** Removes the file when nobody answers on it; anything that is not a socket is left alone. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new EdgeError('KIT_LISTEN_FAILED', `Cannot listen on ${path}: the path is no socket, wanted a free path`, {
      details: { address: path },
      source: 'config',
    });
  }
  if (await answers(path)) {
    throw new EdgeError('KIT_SOCKET_TAKEN', `Cannot listen on ${path}: another process answers on it`, {
      details: { address: path },
      source: 'config',
      retry: 'backoff',
    });
  }
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (inUse: boolean) => {
      socket.destroy();
      resolve(inUse);
    };
    socket.setTimeout(SOCKET_PROBE_MS_MAX, () => done(true));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** Stops accepting, lets open requests end for `graceMs`, then cuts every socket that is left, whatever it is doing. The server was opened by listen(). */
export function closeServer(server: Server, graceMs: number = CLOSE_GRACE_MS_MAX): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) {
      resolve();
      return;
    }
    const timer = setTimeout(() => {
      for (const socket of openSockets.get(server) ?? []) socket.destroy();
    }, graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    // Told by what it can do: importing node:http as a module loads the WebSocket client of Node, too, 50 ms and more.
    if ('closeIdleConnections' in server) (server as HttpServer).closeIdleConnections();
  });
}

// The data ports of the fleet: one HTTP server behind a listening socket for each node. It answers the health object that the cloud
// asks for (connected-cache.md 2.3) and 404 for the rest; it is no cache.

import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { EdgeError } from '@wayside/kit';

const HEALTH_PATH = '/mscomtest/wuidt.gif';
/** The original's health object. */
const HEALTH_OBJECT_BYTES = 969_710;
/** Requests ask for the first piece; nobody needs more of zeros than this at once. */
const RANGE_BYTES_MAX = 65_536;
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 2_000;

export class DataPorts {
  readonly #http: Server = createServer(answer);
  readonly #listeners = new Map<string, NetServer>();
  readonly #sockets = new Map<string, Set<Socket>>();

  constructor() {
    this.#http.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#http.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  }

  /** Opens a node's port; 0 chooses a free one. Returns the port. SIMULATOR_LISTEN_FAILED. */
  async open(node: string, address: string, port: number): Promise<number> {
    const sockets = new Set<Socket>();
    const listener = createNetServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      this.#http.emit('connection', socket);
    });
    await new Promise<void>((resolve, reject) => {
      listener.once('error', (cause) =>
        reject(
          new EdgeError(
            'SIMULATOR_LISTEN_FAILED',
            `Cannot open the data port ${address}:${port} of ${node}: ${cause.message}`,
            {
              ...{ cause, source: 'internal' },
            },
          ),
        ),
      );
      listener.listen(port, address, resolve);
    });
    this.#listeners.set(node, listener);
    this.#sockets.set(node, sockets);
    return (listener.address() as AddressInfo).port;
  }

  /** Further requests find nobody. */
  async close(node: string): Promise<void> {
    const listener = this.#listeners.get(node);
    if (!listener) return;
    this.#listeners.delete(node);
    for (const socket of this.#sockets.get(node) ?? []) socket.destroy();
    this.#sockets.delete(node);
    await new Promise((resolve) => listener.close(resolve));
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#listeners.keys()].map((node) => this.close(node)));
    this.#http.closeAllConnections();
  }
}

function answer(...[request, response]: Parameters<Parameters<typeof createServer>[1] & object>): void {
  const path = (request.url ?? '').split('?')[0];
  if (path !== HEALTH_PATH || (request.method !== 'GET' && request.method !== 'HEAD')) {
    response.writeHead(404, { 'content-length': '0' }).end();
    return;
  }
  const { from, to } = rangeOf(request.headers.range);
  const bytes = to - from + 1;
  response.writeHead(206, {
    'content-type': 'image/gif',
    'content-length': String(bytes),
    'content-range': `bytes ${from}-${to}/${HEALTH_OBJECT_BYTES}`,
    'accept-ranges': 'bytes',
  });
  response.end(request.method === 'HEAD' ? undefined : ZEROS.subarray(0, bytes));
}

const ZEROS = Buffer.alloc(RANGE_BYTES_MAX);

/** The last Range wins with real caches; here anything that is none is the first piece. */
function rangeOf(header: string | undefined): { from: number; to: number } {
  const [, first, last] = /^bytes=(\d{1,9})-(\d{0,9})$/.exec(header ?? '') ?? [];
  const from = Math.min(Number(first ?? 0), HEALTH_OBJECT_BYTES - 1);
  const wanted = last === undefined || last === '' ? HEALTH_OBJECT_BYTES - 1 : Number(last);
  return { from, to: Math.max(from, Math.min(wanted, HEALTH_OBJECT_BYTES - 1, from + RANGE_BYTES_MAX - 1)) };
}

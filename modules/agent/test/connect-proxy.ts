// An HTTP proxy that knows CONNECT only, as a site's way out; keeps what it was asked for.

import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { closeServer, listen } from '@wayside/kit';

export class ConnectProxy {
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #tunnels = new Set<Duplex>();
  port = 0;

  constructor() {
    this.#server = createServer((_request, response) => response.writeHead(405).end());
    this.#server.on('connect', (request, socket, head) => {
      this.asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? 'no authorization'}`);
      this.#tunnels.add(socket);
      socket.on('close', () => this.#tunnels.delete(socket));
      const [host, port] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), host === 'localhost' ? '127.0.0.1' : host, () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.write(head);
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
  }

  async start(): Promise<void> {
    this.port = (await listen(this.#server, { port: 0, host: '127.0.0.1' })).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#tunnels) socket.destroy();
    this.#server.closeAllConnections();
    await closeServer(this.#server, 0);
  }
}

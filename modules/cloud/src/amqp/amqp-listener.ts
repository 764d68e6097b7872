// AMQP 1.0 for back ends: over TLS on a port of its own, or on any byte stream (WebSocket).

import type { Duplex } from 'node:stream';
import { createServer, type TLSSocket } from 'node:tls';
import type { ServerCertificate, TlsListener } from '@wayside/gateway';
import { closeServer, describeError, listen } from '@wayside/kit';
import { AmqpConnection, type AmqpParts } from './amqp-connection.ts';
import { amqpUpgrades, type UpgradeHandler } from './web-socket.ts';

/** Open connections, over all listeners: back ends are few. */
const CONNECTIONS_MAX = 200;
const HANDSHAKE_TIMEOUT_MS = 20_000;
const CLOSE_GRACE_MS = 3_000;

export class AmqpFront {
  /** WebSocket upgrades that nobody else takes. */
  readonly upgrade: UpgradeHandler;
  private readonly parts: AmqpParts;
  private readonly connections = new Set<AmqpConnection>();

  constructor(parts: AmqpParts) {
    this.parts = parts;
    this.upgrade = amqpUpgrades((stream) => this.accept(stream), parts.logger);
  }

  /** Serves AMQP on a stream; one too many is closed at once. */
  accept(stream: Duplex): void {
    if (this.connections.size >= CONNECTIONS_MAX) {
      this.parts.logger.warn('AMQP client closed', { why: `more than ${CONNECTIONS_MAX} connections` });
      stream.destroy();
      return;
    }
    const connection: AmqpConnection = new AmqpConnection(this.parts, stream, () =>
      this.connections.delete(connection),
    );
    this.connections.add(connection);
  }

  /** Port 0 picks a free one. */
  async listenTls(options: { port: number; address?: string; certificate: ServerCertificate }): Promise<TlsListener> {
    const contextOf = ({ certificate, privateKey }: ServerCertificate) => ({
      ...{ cert: certificate, key: privateKey, minVersion: 'TLSv1.2' as const },
    });
    const server = createServer(
      { ...contextOf(options.certificate), handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
      (socket) => this.accept(socket),
    );
    server.maxConnections = CONNECTIONS_MAX;
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      this.parts.logger.debug('A TLS handshake failed', { error: describeError(error) });
      socket.destroy();
    });
    await listen(server, { port: options.port, ...(options.address === undefined ? {} : { host: options.address }) });
    return {
      port: (server.address() as { port: number }).port,
      setCertificate: (certificate) => server.setSecureContext(contextOf(certificate)),
      close: () => closeServer(server, CLOSE_GRACE_MS),
    };
  }

  close(): void {
    for (const connection of [...this.connections]) connection.close();
  }
}

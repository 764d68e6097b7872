// MQTT over TLS: listener, handshake time limit, certificate that can be changed while connections stay.

import tls from 'node:tls';
import { closeServer, EdgeError, type Logger, listen } from '@wayside/kit';
import type { Peer } from './connection.ts';
import type { ServerCertificate, TlsListener } from './gateway.ts';
import type { GatewayLimits } from './limits.ts';

/** How long connections get to say their last words, and handshakes to end, when the listener closes. */
const CLOSE_GRACE_MS = 2000;

/** Context options for HTTPS and MQTT servers alike; throws GATEWAY_CERTIFICATE_INVALID. */
export function tlsContext(certificate: ServerCertificate): tls.SecureContextOptions {
  const options: tls.SecureContextOptions = {
    cert: certificate.certificate,
    key: certificate.privateKey,
    minVersion: 'TLSv1.2',
  };
  try {
    tls.createSecureContext(options);
  } catch (cause) {
    throw new EdgeError('GATEWAY_CERTIFICATE_INVALID', 'Cannot use the server certificate', {
      cause,
      source: 'config',
    });
  }
  return options;
}

/** DER of the certificate the client presented; undefined when it presented none. */
export function peerCertificateOf(socket: tls.TLSSocket): Buffer | undefined {
  return socket.getPeerCertificate?.()?.raw;
}

export async function listenTls(
  options: { port: number; address?: string; certificate: ServerCertificate },
  o: { limits: GatewayLimits; logger: Logger; accept: (socket: tls.TLSSocket, peer: Peer) => void },
): Promise<TlsListener> {
  const server = tls.createServer({
    ...tlsContext(options.certificate),
    handshakeTimeout: o.limits.connectTimeoutMs,
    requestCert: true,
    // Device certificates are judged by the host (thumbprint or CA chain), not by the listener's roots.
    rejectUnauthorized: false,
  });
  server.maxConnections = o.limits.connectionsMax;
  server.on('secureConnection', (socket) => {
    socket.setNoDelay(true);
    o.accept(socket, {
      transport: 'mqtt',
      remoteAddress: socket.remoteAddress ?? 'unknown',
      peerCertificate: peerCertificateOf(socket),
    });
  });
  server.on('tlsClientError', (error, socket) => {
    o.logger.debug('TLS handshake failed', { remoteAddress: socket.remoteAddress, error: error.message });
    socket.destroy();
  });
  const address = await listen(server, { port: options.port, host: options.address });
  return {
    port: (address as { port: number }).port,
    setCertificate: (certificate) => server.setSecureContext(tlsContext(certificate)),
    close: () => closeServer(server, CLOSE_GRACE_MS),
  };
}

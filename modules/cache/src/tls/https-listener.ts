// The HTTPS listener: up while there is a certificate, renewed under running connections when the files change (connected-cache 1.15, 2.5).
// The bytes go by streams here: they pass through the cipher.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { closeServer, describeError, isEdgeError, type Logger, listen } from '@wayside/kit';
import type { ConnectionBudget } from '../listen/connection-budget.ts';
import type { ContentListener } from '../listen/content-server.ts';
import type { ResponseChannel } from '../listen/exchange.ts';
import { REQUEST_HEAD_BYTES_MAX } from '../listen/request-head.ts';
import type { CertificateStore } from './certificate-store.ts';
import type { CertificateFacts, ServerCertificate } from './server-certificate.ts';

/** How often the files are looked at: also where a mounted folder tells nothing of changes. */
const LOOK_INTERVAL_MS = 5000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const REQUEST_HEAD_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const SOCKET_IDLE_TIMEOUT_MS = 120_000;
const STOP_GRACE_MS = 3000;

export interface HttpsListenerDeps {
  address: { host: string | undefined; port: number };
  certificates: CertificateStore;
  handle: ContentListener;
  connections: ConnectionBudget;
  logger: Logger;
}

export class HttpsListener {
  readonly #deps: HttpsListenerDeps;
  #server: Server | null = null;
  #facts: CertificateFacts | null = null;
  #problem: string | null = null;
  #mark = '';
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();
  #address: AddressInfo | null = null;
  #isStopped = false;

  constructor(deps: HttpsListenerDeps) {
    this.#deps = deps;
  }

  /** Where it listens, null without a certificate. */
  get address(): AddressInfo | null {
    return this.#address;
  }

  /** In use. */
  get facts(): CertificateFacts | null {
    return this.#facts;
  }

  /** Why the files as they lie there are not in use. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Opens the port when there is a certificate; rejects only when the port is taken. */
  async start(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => void this.look().catch(() => {}), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Brings the listener to what the files say; one look at a time. */
  look(): Promise<void> {
    const run = this.#looking.then(() => this.#look());
    this.#looking = run.catch(() => {});
    return run;
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    const mark = await this.#deps.certificates.mark();
    if (mark === this.#mark) return;
    this.#mark = mark;
    if (mark === '') return this.#close('The certificate is gone, the HTTPS listener is closed');
    let certificate: ServerCertificate;
    try {
      certificate = await this.#deps.certificates.load();
    } catch (error) {
      this.#problem = describeError(error);
      this.#deps.logger.error('Certificate is not taken into use, the former one stays', {
        code: isEdgeError(error) ? error.code : undefined,
        reason: this.#problem,
      });
      return;
    }
    this.#problem = null;
    if (this.#server === null) await this.#open(certificate);
    else this.#server.setSecureContext(contextOf(certificate));
    this.#facts = certificate.facts;
    const { subject, notAfterUtc } = certificate.facts;
    this.#deps.logger.info('Certificate is in use', { subject, notAfterUtc, port: this.#address?.port });
  }

  async #open(certificate: ServerCertificate): Promise<void> {
    const { handle, connections, address } = this.#deps;
    const server = createServer(
      {
        ...contextOf(certificate),
        minVersion: 'TLSv1.2',
        // Never h2: open clients of Delivery Optimization read its header names wrongly (connected-cache 3.8 c).
        ALPNProtocols: ['http/1.1'],
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        headersTimeout: REQUEST_HEAD_TIMEOUT_MS,
        requestTimeout: REQUEST_HEAD_TIMEOUT_MS,
        maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
        noDelay: true,
      },
      (request: IncomingMessage, response: ServerResponse) => handle(request, response as unknown as ResponseChannel),
    );
    server.timeout = SOCKET_IDLE_TIMEOUT_MS;
    server.on('tlsClientError', (error) =>
      this.#deps.logger.debug('TLS handshake failed', { reason: describeError(error) }),
    );
    connections.guard(server, false);
    this.#address = await listen(server, address as { host: string; port: number });
    this.#server = server;
  }

  async #close(why: string): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#address = null;
    this.#facts = null;
    this.#problem = null;
    if (server === null) return;
    this.#deps.logger.info(why);
    await closeServer(server, STOP_GRACE_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#looking;
    await this.#close('HTTPS listener stops');
  }
}

function contextOf({ key, chain }: ServerCertificate) {
  return { key, cert: chain, minVersion: 'TLSv1.2' as const };
}

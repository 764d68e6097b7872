// The hub's open ports: MQTT over TLS, HTTPS with WebSocket and module methods, metrics. Each can be switched off.

import https from 'node:https';
import { clientIdOf, type Gateway, type ServerCertificate, tlsContext } from '@wayside/gateway';
import { closeServer, type Logger, listen } from '@wayside/kit';
import type { HubConfig } from './config.ts';
import type { Authenticator } from './identity/authenticator.ts';
import type { MethodRelay } from './methods/method-relay.ts';
import { methodRoutes } from './methods/method-routes.ts';
import type { HubMetrics } from './metrics/metrics.ts';
import { type Health, metricsServer } from './metrics/metrics-server.ts';

/** Ports that were opened; undefined = switched off. */
export interface HubPorts {
  readonly mqtt: number | undefined;
  readonly https: number | undefined;
  readonly metrics: number | undefined;
}

export interface ListenersOptions {
  readonly config: HubConfig;
  readonly logger: Logger;
  readonly gateway: Gateway;
  readonly metrics: HubMetrics;
  readonly authenticator: Authenticator;
  readonly methods: MethodRelay;
  /** What the health page says. */
  readonly health: () => Health;
}

export class Listeners {
  readonly #o: ListenersOptions;
  readonly #certified: { setCertificate(certificate: ServerCertificate): void }[] = [];
  readonly #closers: (() => Promise<void>)[] = [];

  constructor(options: ListenersOptions) {
    this.#o = options;
  }

  /** Opens what the settings switch on; the MQTT listener belongs to the gateway and closes with it. */
  async open(certificate: ServerCertificate): Promise<HubPorts> {
    const { config } = this.#o;
    const mqtt = config.mqttEnabled ? await this.#listenMqtt(certificate) : undefined;
    const httpsPort = config.httpEnabled ? await this.#listenHttps(certificate) : undefined;
    const metrics = config.metricsEnabled ? await this.#listenMetrics() : undefined;
    return { mqtt, https: httpsPort, metrics };
  }

  /** New connections get the new certificate; open ones stay. */
  setCertificate(certificate: ServerCertificate): void {
    for (const listener of this.#certified) listener.setCertificate(certificate);
  }

  async close(): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()));
  }

  async #listenMqtt(certificate: ServerCertificate): Promise<number> {
    const { config, gateway } = this.#o;
    const listener = await gateway.listenTls({ port: config.mqttPort, address: config.listenAddress, certificate });
    this.#certified.push(listener);
    return listener.port;
  }

  async #listenHttps(certificate: ServerCertificate): Promise<number> {
    const { config, logger, gateway, authenticator, methods } = this.#o;
    const app = methodRoutes({
      deviceId: config.deviceId,
      logger,
      authenticate: async (identity, token, peer) =>
        (await authenticator.authenticate({ identity, token, certificate: peer })).ok,
      call: (from, request) => methods.call(clientIdOf(from), request),
    });
    const server = https.createServer(
      { ...tlsContext(certificate), requestCert: true, rejectUnauthorized: false },
      app,
    );
    gateway.attachWebSocket(server);
    const { port } = await listen(server, { port: config.httpPort, host: config.listenAddress });
    this.#closers.push(() => closeServer(server));
    this.#certified.push({ setCertificate: (next) => server.setSecureContext(tlsContext(next)) });
    return port;
  }

  async #listenMetrics(): Promise<number> {
    const { config, metrics, health } = this.#o;
    const server = metricsServer(metrics, health);
    const { port } = await listen(server, { port: config.metricsPort, host: config.metricsAddress });
    this.#closers.push(() => closeServer(server));
    return port;
  }
}

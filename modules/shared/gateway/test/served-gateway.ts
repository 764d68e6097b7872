// A gateway on real ports with a real certificate, for the integration tests.

import https from 'node:https';
import { listen, silentLogger } from '@wayside/kit';
import { TestCa } from '@wayside/kit/test-certificates';
import {
  CLOUD_POLICY,
  createGateway,
  type Gateway,
  type GatewayLimits,
  type TlsListener,
  tlsContext,
} from '../src/index.ts';
import { MemoryHost } from './memory-host.ts';

export interface ServedGateway {
  host: MemoryHost;
  gateway: Gateway;
  listener: TlsListener;
  ca: TestCa;
  httpsPort: number;
  close(): Promise<void>;
}

export async function serveGateway(limits: Partial<GatewayLimits> = {}): Promise<ServedGateway> {
  const ca = await TestCa.create();
  const certificate = await ca.issue(['localhost', '127.0.0.1']);
  const host = new MemoryHost();
  const gateway = createGateway({ host, policy: CLOUD_POLICY, logger: silentLogger, limits });
  const listener = await gateway.listenTls({ port: 0, address: '127.0.0.1', certificate });
  const server = https.createServer(tlsContext(certificate));
  gateway.attachWebSocket(server);
  const { port: httpsPort } = await listen(server, { port: 0, host: '127.0.0.1' });
  return {
    host,
    gateway,
    listener,
    ca,
    httpsPort,
    async close() {
      await gateway.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

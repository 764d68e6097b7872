// A gateway over in-memory streams, for the unit tests.

import { duplexPair } from 'node:stream';
import { afterEach } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { CLOUD_POLICY, createGateway, type Gateway, type GatewayLimits, type GatewayPolicy } from '../src/index.ts';
import { MemoryHost } from './memory-host.ts';
import { RawClient } from './raw-client.ts';

export interface Bench {
  host: MemoryHost;
  gateway: Gateway;
  client(): RawClient;
}

const open: Gateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

export function aBench(o: { policy?: GatewayPolicy; limits?: Partial<GatewayLimits> } = {}): Bench {
  const host = new MemoryHost();
  const gateway = createGateway({
    host,
    policy: o.policy ?? CLOUD_POLICY,
    logger: silentLogger,
    limits: { closeGraceMs: 50, ...o.limits },
  });
  open.push(gateway);
  return {
    host,
    gateway,
    client() {
      const [near, far] = duplexPair();
      gateway.accept(far, { transport: 'mqtt', remoteAddress: '192.0.2.1' });
      return new RawClient(near);
    },
  };
}

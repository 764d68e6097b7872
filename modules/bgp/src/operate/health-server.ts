// Health of the container (HEALTHCHECK) on a unix socket: in the host's network a TCP port would be everybody's.

import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';
import { listen } from '@wayside/kit';

/** BIRD is asked every few seconds; reading a full table takes some of them. */
const SILENT_MS_MAX = 60_000;
const REQUEST_TIMEOUT_MS = 5000;
const CONNECTIONS_MAX = 10;

export interface HealthFacts {
  /** Settings are there, so BIRD should run. */
  isConfigured: boolean;
  isEngineRunning: boolean;
  /** Since BIRD answered last; null = not yet. */
  silentMs: number | null;
}

/** A session that is down is the router's fault or the operator's, not this container's: it is reported, not restarted. */
export function healthProblem({ isConfigured, isEngineRunning, silentMs }: HealthFacts): string | null {
  if (!isConfigured) return null;
  if (!isEngineRunning) return 'BIRD is not running';
  if (silentMs !== null && silentMs > SILENT_MS_MAX)
    return `BIRD has not answered for ${Math.round(silentMs / 1000)} s`;
  return null;
}

/** `GET /healthz`: 200 `{status:"ok"}` or 503 with the problem. */
export async function startHealthServer(socketPath: string, facts: () => HealthFacts): Promise<Server> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const isHealth = request.url === '/healthz' && (request.method === 'GET' || request.method === 'HEAD');
    const problem = healthProblem(facts());
    const status = !isHealth ? 404 : problem === null ? 200 : 503;
    const body = JSON.stringify(
      status === 404 ? {} : problem === null ? { status: 'ok' } : { status: 'failed', problem },
    );
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await mkdir(dirname(socketPath), { recursive: true });
  await listen(server, { path: socketPath, mode: 0o660 });
  return server;
}

// /metrics for Prometheus and /healthz for the container's HEALTHCHECK, on one port.

import { createServer, type Server } from 'node:http';
import type { AgentMetrics } from './agent-metrics.ts';

export interface Health {
  isOk: boolean;
  text: string;
}

/** `health` is about the agent itself: a round within reach of now, not about cloud or modules. */
export function createMetricsServer(metrics: AgentMetrics, health: () => Health): Server {
  const server = createServer((request, response) => {
    request.resume();
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/healthz') {
      const { isOk, text } = health();
      response.writeHead(isOk ? 200 : 503, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ status: isOk ? 'ok' : 'failing', reason: text }));
      return;
    }
    if (path !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' });
      response.end('Not found: /metrics and /healthz are here\n');
      return;
    }
    metrics.text().then(
      ({ contentType, body }) => {
        response.writeHead(200, { 'content-type': contentType });
        response.end(body);
      },
      () => {
        response.writeHead(500);
        response.end();
      },
    );
  });
  server.requestTimeout = 10_000;
  return server;
}

// Plain HTTP for the operator's tools: /metrics for Prometheus, /healthz for Docker's HEALTHCHECK.

import { createServer, type Server } from 'node:http';
import express from 'express';
import type { HubMetrics } from './metrics.ts';

export interface Health {
  readonly ok: boolean;
  readonly upstreamConnected: boolean;
  readonly identities: number;
  readonly routes: number;
}

export function metricsServer(metrics: HubMetrics, health: () => Health): Server {
  const app = express();
  app.disable('x-powered-by');
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.get('/healthz', (_request, response) => {
    const state = health();
    response.status(state.ok ? 200 : 503).json({ status: state.ok ? 'ok' : 'unhealthy', ...state });
  });
  return createServer(app);
}

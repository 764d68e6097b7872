// The one express application of the HTTPS listener: API, portal, installer, metrics, and the IoT Hub face below them.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock, Logger } from '@wayside/kit';
import express, { type Express, type Request, type RequestHandler, type Router } from 'express';
import type { AuditLog } from '../audit/audit-log.ts';
import { refusal } from '../errors.ts';
import type { CloudMetrics } from '../health/prometheus.ts';
import { type Access, bearerToken } from '../people/access.ts';
import { mayDo } from '../people/roles.ts';
import { createPortal } from '../portal/portal.ts';
import { PORTAL } from '../portal/portal-path.ts';
import { sendError } from './error-response.ts';
import type { Route } from './route.ts';
import { createApiRouter } from './router.ts';

export interface WebAppOptions {
  routes: readonly Route[];
  hubRouter: Router;
  access: Access;
  audit: AuditLog;
  metrics: CloudMetrics;
  metricsPublic: boolean;
  /** Token of the file metrics-token, secret. */
  metricsToken: string;
  /** File that GET /install.sh serves. */
  installScript: string;
  clock: Clock;
  logger: Logger;
  version: string;
}

export function createWebApp(options: WebAppOptions): Express {
  const { routes, access, audit, logger, metrics } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set('x-content-type-options', 'nosniff');
    next();
  });
  app.use('/api/v1', createApiRouter({ routes, access, audit, logger, onAnswer: metrics.onAnswer }));
  app.get('/install.sh', installer(options.installScript));
  app.get('/metrics', metricsAnswer(options));
  app.get('/', (_request, response) => response.redirect(302, PORTAL));
  const { clock, version } = options;
  app.use(PORTAL, createPortal({ app, access, clock, logger, version }));
  app.use(options.hubRouter);
  app.use((request: Request) => {
    throw refusal('CLOUD_ROUTE_NOT_FOUND', `There is no route ${request.method} ${request.path}`);
  });
  app.use((error: unknown, _request: Request, response: express.Response, _next: unknown) => {
    sendError(response, error, logger);
  });
  return app;
}

/** Open to anyone: it holds no secret, and a server has none before it ran it. */
function installer(path: string): RequestHandler {
  return async (_request, response) => {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch {
      throw refusal('CLOUD_INSTALLER_MISSING', `Cannot serve the installer: ${path} cannot be read`);
    }
    response.type('text/x-shellscript').send(text);
  };
}

function metricsAnswer(options: WebAppOptions): RequestHandler {
  return async (request, response) => {
    if (!options.metricsPublic && !(await mayReadMetrics(options, request))) {
      throw refusal(
        'CLOUD_SESSION_INVALID',
        'Cannot read the metrics: wanted the token of the file metrics-token, or of a login',
      );
    }
    response.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics());
  };
}

async function mayReadMetrics(options: WebAppOptions, request: Request): Promise<boolean> {
  const token = bearerToken(request);
  if (token !== undefined && timingSafeEqual(sha256(token), sha256(options.metricsToken))) return true;
  const caller = await options.access.callerOf(request).catch(() => undefined);
  return caller !== undefined && mayDo(caller.person, 'read');
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

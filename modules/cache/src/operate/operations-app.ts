// The operations port (5001): summary, details, metrics and health to see; purge, prefetch and certificates to do.

import type { Logger } from '@wayside/kit';
import express, { type Express, type Request, type Response } from 'express';
import type { Registry } from 'prom-client';
import type { Drive } from '../store/drive.ts';
import { type Command, runCommand } from './commands.ts';
import { maySeeFigures, type OperationsAccess, onlyControllers } from './operations-access.ts';
import type { Summary } from './reporter.ts';

// Not imported: see content-server.ts.
const { request: httpRequest } = process.getBuiltinModule('node:http');

/** The data port must answer within this time, or the cache is unhealthy. */
const HEALTH_TIMEOUT_MS = 3000;
/** Of the cache itself: method refused, host refused, draining or overloaded. */
const HEALTHY_STATUSES = [405, 403, 503];

/** Body of a command, bytes; manifests of a hundred thousand URLs fit. */
export const COMMAND_BODY_BYTES_MAX = 16 * 1024 * 1024;

/** A command as a route: what the request says becomes its payload. */
export interface CommandRoute {
  method: 'get' | 'post' | 'put' | 'delete';
  path: string;
  command: Command;
  /** Default: the JSON body, with the query and the path's parameters beside it. */
  payload?: (request: Request) => unknown;
}

export interface OperationsDeps {
  summary: () => Summary;
  /** Everything at a glance, for people. */
  details: () => object;
  routes: readonly CommandRoute[];
  access: OperationsAccess;
  logger: Logger;
  metrics: Registry;
  drives: readonly Drive[];
  /** Where the data port listens. */
  contentAddress: () => { host: string; port: number };
  isDraining: () => boolean;
}

export function makeOperationsApp(deps: OperationsDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  const show = (figures: () => object) => (request: Request, response: Response) => {
    if (maySeeFigures(request, deps.access)) response.json(figures());
    else
      response.status(403).json({
        error: {
          code: 'CACHE_SUMMARY_REFUSED',
          message: 'Cannot show the summary: wanted a request from this host, or a valid apiKey with IS_SUMMARY_PUBLIC',
        },
      });
  };
  app.get('/summary', show(deps.summary));
  app.get('/details', show(deps.details));
  addCommands(app, deps);
  app.get('/metrics', async (_request, response) => {
    response.type(deps.metrics.contentType).send(await deps.metrics.metrics());
  });
  app.get('/healthz', async (_request, response) => {
    const problem = await findProblem(deps);
    const drives = deps.drives.map(({ path, issue, issueText }) => ({ path, issue, reason: issueText || undefined }));
    response
      .status(problem === null ? 200 : 503)
      .json({ status: problem ?? 'ok', draining: deps.isDraining(), drives });
  });
  return app;
}

function addCommands(app: Express, { routes, access, logger }: OperationsDeps): void {
  const bodies = [
    express.json({ limit: COMMAND_BODY_BYTES_MAX, strict: false }),
    express.text({ limit: COMMAND_BODY_BYTES_MAX, type: ['text/*', 'application/x-ndjson', 'application/x-pem-file'] }),
  ];
  for (const { method, path, command, payload = plainPayload } of routes) {
    app[method](path, onlyControllers(access), ...bodies, async (request: Request, response: Response) => {
      const answer = await runCommand(command, payload(request), 'operations', logger);
      response.status(answer.status).json(answer.payload);
    });
  }
  app.use((error: { status?: number; message?: string }, _request: Request, response: Response, next: () => void) => {
    if (response.headersSent) return next();
    const status = error.status ?? 500;
    response.status(status).json({
      error: { code: 'CACHE_COMMAND_INVALID', message: `Cannot read the request: ${error.message ?? 'unknown'}` },
    });
  });
}

function plainPayload(request: Request): unknown {
  const { body, query, params } = request;
  if (Array.isArray(body) || typeof body === 'string') return body;
  return { ...query, ...(body as object | undefined), ...params };
}

/** The cache works when its data port answers by itself: that takes the listener and the event loop, no origin and no drive. */
async function findProblem(deps: OperationsDeps): Promise<string | null> {
  const { host, port } = deps.contentAddress();
  return new Promise((resolve) => {
    // A method that no origin is ever asked with: refused for its host, or for itself.
    const options = { host, port, method: 'TRACE', path: '/', agent: false, timeout: HEALTH_TIMEOUT_MS };
    const probe = httpRequest(options, (answer) => {
      answer.resume();
      const isExpected = HEALTHY_STATUSES.includes(answer.statusCode ?? 0);
      resolve(isExpected ? null : `data port answered ${answer.statusCode}, wanted 405 or 403`);
    });
    probe.end();
    probe.on('timeout', () => probe.destroy(new Error(`no answer within ${HEALTH_TIMEOUT_MS} ms`)));
    probe.on('error', (error) => resolve(`data port does not answer: ${error.message}`));
  });
}

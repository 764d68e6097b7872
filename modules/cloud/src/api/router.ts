// Serves the list of routes with express: who calls, may they, is the input sound, then the route, then its answer.

import type { Logger } from '@wayside/kit';
import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { refusal } from '../errors.ts';
import type { Access, Caller } from '../people/access.ts';
import { REACHES_ALL, type Reach } from '../people/node-reach.ts';
import { type AuditSink, isAudited, recordRefused, runAudited } from './audited-call.ts';
import { sendError, toErrorAnswer } from './error-response.ts';
import { querySchema, requestCheck } from './request-check.ts';
import type { Answer, Call, Route } from './route.ts';
import { requireAllowed } from './route-reach.ts';

export interface ApiRouterOptions {
  routes: readonly Route[];
  access: Pick<Access, 'callerOf' | 'reachOf' | 'addressOf'>;
  audit: AuditSink;
  logger: Logger;
  /** Called when an answer is complete. */
  onAnswer?(route: Route, status: number, durationMs: number): void;
}

export function createApiRouter(options: ApiRouterOptions): Router {
  const router = express.Router({ caseSensitive: true });
  for (const route of options.routes) {
    router[route.method](toExpressPath(route.path), ...handlersOf(route, options));
  }
  router.use((request) => {
    throw refusal('CLOUD_ROUTE_NOT_FOUND', `There is no route ${request.method} ${request.baseUrl}${request.path}`);
  });
  router.use((error: unknown, _request: Request, response: Response, _next: unknown) => {
    sendError(response, error, options.logger);
  });
  return router;
}

/** `/nodes/{name}` -> `/nodes/:name`. */
export function toExpressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function handlersOf(route: Route, options: ApiRouterOptions): RequestHandler[] {
  const allowed = new WeakMap<Request, { caller: Caller; reach: Reach }>();
  // Before the body is read: a stranger makes us buffer nothing.
  const authenticate: RequestHandler = async (request, _response, next) => {
    if (route.right !== 'none') allowed.set(request, await authenticated(request, route, options));
    next();
  };
  const checkQuery = requestCheck(querySchema(route), 'query');
  const checkBody = route.body?.checkedBy === 'schema' ? requestCheck(route.body.schema, 'body') : undefined;
  const run: RequestHandler = async (request, response) => {
    measure(route, response, options);
    const query = { ...request.query };
    checkQuery(query);
    if (route.body && request.body === undefined) throw refusal('CLOUD_REQUEST_INVALID', NO_BODY);
    checkBody?.(request.body);
    const { caller, reach } = allowed.get(request) ?? { caller: undefined, reach: REACHES_ALL };
    const call: Call = {
      ...{ params: request.params as { [name: string]: string }, query, body: request.body },
      ...{ caller, person: caller?.person, token: caller?.token, reach },
      ...{ method: request.method, headers: request.headers },
      source: caller?.address ?? options.access.addressOf(request),
    };
    // Answers hold keys and states of the moment.
    response.set('cache-control', 'no-store');
    if ('stream' in route) await route.stream(call, request, response);
    else send(response, route, await (isAudited(route) ? runAudited(route, call, options) : route.handle(call)));
  };
  if (!route.body) return [authenticate, run];
  return [authenticate, express.json({ limit: route.body.bytesMax, strict: false }), run];
}

const NO_BODY = 'Cannot read the request: it has no JSON body (content type application/json)';

async function authenticated(
  request: Request,
  route: Route,
  { access, audit }: ApiRouterOptions,
): Promise<{ caller: Caller; reach: Reach }> {
  const caller = await access.callerOf(request);
  const params = request.params as { [name: string]: string };
  const asked = { method: request.method, path: request.baseUrl + request.path, nodeName: params.name ?? '' };
  try {
    return { caller, reach: await requireAllowed(route, caller, asked, access) };
  } catch (error) {
    const { status } = toErrorAnswer(error);
    if (status === 403) await recordRefused(audit, route, { params, body: undefined }, caller, status);
    throw error;
  }
}

function send(response: Response, route: Route, answer: Answer): void {
  response.status(route.success.status);
  if (answer.setCookie !== undefined) response.append('set-cookie', answer.setCookie);
  if ('json' in answer) response.json(answer.json);
  else if ('text' in answer) response.type(route.success.contentType ?? 'text/plain').send(answer.text);
  else response.end();
}

function measure(route: Route, response: Response, options: ApiRouterOptions): void {
  if (!options.onAnswer) return;
  const startedMs = performance.now();
  response.once('close', () => options.onAnswer?.(route, response.statusCode, performance.now() - startedMs));
}

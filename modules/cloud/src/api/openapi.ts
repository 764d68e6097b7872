// The OpenAPI 3.1 document of /api/v1, made from the same list of routes that the router serves.

import { CSRF_HEADER, SESSION_COOKIE } from '../people/session-cookie.ts';
import type { Route, Schema } from './route.ts';
import { reachOf } from './route-reach.ts';
import { ref, SCHEMAS } from './schemas.ts';

const STATUS_TEXTS: { [status: number]: string } = {
  400: 'The request cannot be used; every problem is listed.',
  401: 'No valid bearer token.',
  403: 'The right is missing, or a key is refused.',
  404: 'There is no such thing.',
  409: 'It clashes with what is there.',
  413: 'The body is too large.',
  429: 'Too many tries; see Retry-After.',
  500: 'The cloud failed.',
  502: 'The node answered with an error.',
  503: 'Not now.',
  504: 'The node did not answer in time.',
};

export function openApiDocument(routes: readonly Route[], version: string): Schema {
  const paths: { [path: string]: { [method: string]: Schema } } = {};
  for (const route of routes) {
    const operations = paths[route.path] ?? {};
    operations[route.method] = operationOf(route);
    paths[route.path] = operations;
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Wayside cloud', version, description: 'Cache nodes: create, provision, deploy, watch.' },
    servers: [{ url: '/api/v1' }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        session: { type: 'http', scheme: 'bearer', description: 'Token of POST /sessions.' },
        cookie: {
          ...{ type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
          description: `Session of a browser; changes need the header ${CSRF_HEADER} and come from the cloud's own origin.`,
        },
      },
    },
  };
}

function operationOf(route: Route): Schema {
  const statuses = [...(route.refusals ?? []), ...commonRefusals(route)];
  const refusals = Object.fromEntries(
    [...new Set(statuses)]
      .sort()
      .map((status) => [
        String(status),
        { description: STATUS_TEXTS[status] ?? 'Refused.', content: { 'application/json': { schema: ref('Error') } } },
      ]),
  );
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.right === 'none'
      ? { security: [] }
      : { security: [{ session: [] }, { cookie: [] }], 'x-right': route.right, 'x-reach': reachOf(route) }),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(route.body
      ? { requestBody: { required: true, content: { 'application/json': { schema: route.body.schema } } } }
      : {}),
    responses: { [String(route.success.status)]: successOf(route), ...refusals },
  };
}

/** What the router itself refuses: query, path and body that cannot be read, callers without right. */
function commonRefusals(route: Route): number[] {
  return [400, ...(route.body ? [413] : []), ...(route.right === 'none' ? [] : [401, 403]), 500];
}

function successOf({ success }: Route): Schema {
  const type = success.contentType ?? (success.schema ? 'application/json' : undefined);
  if (type === undefined) return { description: success.description };
  return { description: success.description, content: { [type]: { schema: success.schema ?? { type: 'string' } } } };
}

/** getNodesNameMonitor: stable, unique, and a name in every language. */
export function operationId(route: Route): string {
  const words = route.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return route.method + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}

function pathParameters(route: Route): Schema[] {
  return [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(route: Route): Schema[] {
  return Object.entries(route.query ?? {}).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

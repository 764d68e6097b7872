import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { FIELD_DEFAULTS, readNodeFields } from '../nodes/node-fields.ts';
import { NODE_CREATE } from './node-schemas.ts';
import { openApiDocument } from './openapi.ts';
import type { ApiParts } from './parts.ts';
import { querySchema } from './request-check.ts';
import { createApiRouter, toExpressPath } from './router.ts';
import { apiRoutes } from './routes.ts';
import { SCHEMAS } from './schemas.ts';

const routes = apiRoutes({} as ApiParts);
const router = createApiRouter({
  routes,
  access: {
    callerOf: async () => Promise.reject(new Error('nobody')),
    reachOf: async () => () => false,
    addressOf: () => '',
  },
  audit: { record: async () => undefined },
  logger: silentLogger,
});
type Paths = { [path: string]: { [method: string]: { responses: object; security: unknown[] } } };
const { paths } = openApiDocument(routes, '1.2.3') as { paths: Paths };

/** `METHOD /path` of every route that express really serves. */
function servedRoutes(): string[] {
  const layers = router.stack as unknown as { route?: { path: string; methods: { [method: string]: boolean } } }[];
  return layers.flatMap(({ route }) =>
    route ? Object.keys(route.methods).map((method) => `${method} ${route.path}`) : [],
  );
}

describe('the OpenAPI document', () => {
  test('describes exactly what is served', () => {
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${toExpressPath(path)}`),
    );
    expect(described.sort()).toEqual(servedRoutes().sort());
  });

  test('holds every route of the contract', () => {
    const wanted = [
      'get /healthz',
      'post /sessions',
      'get /connection-strings',
      'get /nodes',
      'post /nodes',
      'get /nodes/{name}',
      'patch /nodes/{name}',
      'delete /nodes/{name}',
      'post /nodes/{name}/provisioning',
      'get /nodes/{name}/manifest',
      'get /nodes/{name}/deployment',
      'put /nodes/{name}/deployment',
      'get /nodes/{name}/monitor',
      'get /nodes/{name}/telemetry',
      'get /nodes/{name}/timeline',
      'get /nodes/{name}/modules/{module}/logs',
      'post /nodes/{name}/methods',
      'post /nodes/{name}/modules/{module}/methods',
      'get /ca.pem',
      'post /provision',
      'get /events',
      'get /openapi.json',
      'get /steering/docachehost',
      'get /steering/node',
      'get /steering/redirect',
    ];
    for (const route of wanted) {
      const [method, path] = route.split(' ') as [string, string];
      expect([route, paths[path]?.[method] !== undefined]).toEqual([route, true]);
    }
  });

  test('routes without login are those that a stranger needs, and no others', () => {
    const open = routes.filter((route) => route.right === 'none').map((route) => `${route.method} ${route.path}`);
    expect(open.sort()).toEqual([
      'get /ca.pem',
      'get /healthz',
      'get /openapi.json',
      'get /steering/docachehost',
      'get /steering/node',
      'get /steering/redirect',
      'post /invitations/accept',
      'post /provision',
      'post /sessions',
      // Opened by a secret that edgeAgent was given for one file.
      'put /uploads/{id}/{hub}/{device}/{file}',
    ]);
    for (const route of routes) {
      expect(paths[route.path]?.[route.method]?.security.length).toBe(route.right === 'none' ? 0 : 2);
    }
  });

  test('every reference leads to a schema', () => {
    const text = JSON.stringify(paths) + JSON.stringify(SCHEMAS);
    const names = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1]);
    for (const name of names) expect(Object.keys(SCHEMAS)).toContain(name);
  });

  test('operation ids are unique', () => {
    const ids = Object.values(paths).flatMap((operations) =>
      Object.values(operations).map((operation) => (operation as unknown as { operationId: string }).operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});

// It checks schemas against the draft, too, which the router leaves out.
const strict = new Ajv2020({ allowUnionTypes: true, useDefaults: true });

test('the schemas of all routes are sound', () => {
  for (const route of routes) {
    expect(strict.compile(querySchema(route))).toBeInstanceOf(Function);
    if (route.body?.checkedBy === 'schema') expect(strict.compile(route.body.schema)).toBeInstanceOf(Function);
  }
});

describe('the schema of a new node', () => {
  const check = new Ajv2020({ allowUnionTypes: true, validateFormats: false }).compile(NODE_CREATE);

  test.each<[object]>([
    [{ name: 'a', ...FIELD_DEFAULTS }],
    [{ name: 'a', cidrs: '10.0.0.0/8, 11.0.0.0/8', drives: [{ path: '/d', sizeGb: 10 }] }],
    [{ name: 'a b' }],
    [{}],
    [{ name: 'a', httpPort: 0 }],
    [{ name: 'a', drives: [{ path: '/d' }] }],
    [{ name: 'a', prefixSource: 'ospf' }],
    [{ name: 'a', colour: 'red' }],
  ])('agrees with the rules of the fields on %j', (input) => {
    expect(check(input)).toBe(readNodeFields(input, { driveSizeGbMin: 1, ipv6: false, privatePrefixes: true }).ok);
  });
});

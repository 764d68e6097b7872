// JSON Schemas of what /api/v1 takes and answers; components of the OpenAPI document.

import { DEPLOYMENT_SCHEMAS } from './deployment-schemas.ts';
import { METRIC_SCHEMAS } from './metric-schemas.ts';
import { NODE_ANSWER, NODE_STATES, REASON } from './node-schemas.ts';
import { PEOPLE_SCHEMAS } from './people-schemas.ts';
import type { Schema } from './route.ts';
import { ROUTING_SCHEMAS } from './routing-schemas.ts';
import { NODE_UPDATE, UPDATE_LIST } from './update-schemas.ts';

const text: Schema = { type: 'string' };
const time: Schema = { type: 'string', format: 'date-time' };
const timeOrNull: Schema = { type: ['string', 'null'], format: 'date-time' };
const number: Schema = { type: 'number' };
const numberOrNull: Schema = { type: ['number', 'null'] };
const integer: Schema = { type: 'integer' };
const guid: Schema = { type: 'string', format: 'uuid' };
const anyObject: Schema = { type: 'object' };

export function ref(name: keyof typeof SCHEMAS): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

function object(properties: { [name: string]: Schema }, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

const MODULE = object({
  name: text,
  runtimeStatus: { enum: ['unknown', 'backoff', 'running', 'unhealthy', 'stopped', 'failed', 'dead'] },
  statusDescription: text,
  image: text,
  imageHash: text,
  restartCount: integer,
  exitCode: integer,
  lastStartTimeUtc: { type: ['string', 'null'] },
  lastExitTimeUtc: { type: ['string', 'null'] },
  lastRestartTimeUtc: { type: ['string', 'null'] },
  nextRetryTimeUtc: { type: ['string', 'null'] },
  desiredStatus: { enum: ['running', 'stopped', null] },
  startsSeen: integer,
  lastChangeUtc: timeOrNull,
});

const DAEMON = object({ version: text, startTimeUtc: time, startsSeen: integer, lastChangeUtc: time });

const CACHE = object({
  egressMbps: number,
  ingressMbps: number,
  hitRatio: numberOrNull,
  requestsPerSec: number,
  totals: object({ hitBytes: number, missBytes: number, egressBytes: number, hitRatioBytes: numberOrNull }),
  drives: { type: 'array', items: anyObject },
  atUtc: time,
});

const EVENT = object({
  seq: integer,
  nodeName: text,
  atUtc: time,
  kind: {
    enum: [
      'node',
      'registration',
      'deployment',
      'connection',
      'module',
      'daemon',
      'probe',
      'state',
      'method',
      'drive',
      'routing',
      'update',
    ],
  },
  subject: text,
  text,
  details: anyObject,
});

const MESSAGE = object({
  seq: integer,
  enqueuedAtUtc: time,
  moduleId: { type: ['string', 'null'] },
  properties: anyObject,
  systemProperties: anyObject,
  body: { description: 'JSON when the body is JSON, else text, else {base64}.' },
});

const UPLOAD = object({
  id: guid,
  kind: { enum: ['supportBundle', 'logs'] },
  state: { ...text, description: 'Running, Completed, Failed, Cancelled or Unknown.' },
  message: text,
  createdAtUtc: time,
  createdBy: text,
  storedAtUtc: timeOrNull,
  fileName: text,
  sizeBytes: integer,
  correlationId: text,
});

export const SCHEMAS = {
  Error: object({
    error: {
      ...object({ code: text, message: text, details: anyObject, problems: { type: 'array', items: anyObject } }, [
        'details',
        'problems',
      ]),
    },
  }),
  Health: object({ status: { const: 'ok' }, version: text }),
  Session: object({ token: text, csrfToken: text, expiresAtUtc: time }, ['token', 'csrfToken']),
  ConnectionStrings: object({
    iothubowner: text,
    service: text,
    registryRead: text,
    registryReadWrite: text,
    device: text,
  }),
  Node: NODE_ANSWER,
  NodeUpdate: NODE_UPDATE,
  NodeUpdateList: UPDATE_LIST,
  NodeList: object(
    {
      nodes: { type: 'array', items: { $ref: '#/components/schemas/Node' } },
      next: { type: ['string', 'null'], description: '`after` of the next page in the order of names.' },
      counts: object(Object.fromEntries(NODE_STATES.map((state) => [state, integer]))),
    },
    ['counts'],
  ),
  Provisioning: object({
    command: text,
    customerId: guid,
    cacheNodeId: guid,
    customerKey: guid,
    registrationKey: text,
    registrationKeyExpiresAtUtc: time,
  }),
  CustomerKey: object({ customerKey: guid }),
  ProvisionAnswer: object({
    iothubHostname: text,
    deviceId: text,
    primaryKey: text,
    mqttPort: integer,
    httpsPort: integer,
    caCertificate: text,
    agentImage: text,
  }),
  Manifest: object({ modulesContent: anyObject }),
  Deployed: object(
    {
      desiredVersion: integer,
      modules: { type: 'array', items: text },
      overriddenBy: { ...text, description: 'A configuration that targets the node and takes over at once.' },
    },
    ['overriddenBy'],
  ),
  Monitor: object({
    name: text,
    atUtc: time,
    state: { enum: NODE_STATES },
    stateText: text,
    reasons: { type: 'array', items: REASON },
    lastHeartbeatUtc: timeOrNull,
    connected: { type: 'boolean' },
    probe: object({
      atUtc: timeOrNull,
      ok: { type: ['boolean', 'null'] },
      httpStatus: { type: ['integer', 'null'] },
      ms: numberOrNull,
      error: { type: ['string', 'null'] },
    }),
    deployment: object({ desiredVersion: integer, handledVersion: integer, code: integer, description: text }),
    modules: { type: 'array', items: MODULE },
    daemon: { anyOf: [DAEMON, { type: 'null' }] },
    cache: { anyOf: [CACHE, { type: 'null' }] },
  }),
  Telemetry: object({ messages: { type: 'array', items: MESSAGE }, next: integer }),
  Timeline: object({ events: { type: 'array', items: EVENT }, next: integer }),
  CacheMinutes: object({
    minutes: {
      type: 'array',
      items: object({
        atUtc: time,
        requests: integer,
        hits: integer,
        misses: integer,
        errors5xx: integer,
        hitBytes: integer,
        missBytes: integer,
        egressBytes: integer,
        ingressBytes: integer,
      }),
    },
  }),
  ...DEPLOYMENT_SCHEMAS,
  MigrationPackage: object({
    format: text,
    version: integer,
    exportedAtUtc: time,
    accounts: { type: 'array', items: anyObject },
    nodes: { type: 'array', items: anyObject },
  }),
  ImportedNodes: object({
    nodes: {
      type: 'array',
      items: object({
        name: text,
        result: { enum: ['created', 'updated', 'refused'] },
        reason: text,
        problems: { type: 'array', items: object({ path: text, message: text }) },
      }),
    },
  }),
  NodeUpload: UPLOAD,
  NodeUploads: object({ uploads: { type: 'array', items: UPLOAD } }),
  ...METRIC_SCHEMAS,
  ...ROUTING_SCHEMAS,
  ...PEOPLE_SCHEMAS,
  AcceptedInvitation: object({ username: text, role: text, scope: {} }),
  Traffic: object({
    range: text,
    by: text,
    stepSecs: integer,
    fromUtc: time,
    toUtc: time,
    points: {
      type: 'array',
      items: object({ atUtc: time, label: text, hits: number, misses: number, hitBytes: number, missBytes: number }),
    },
  }),
  MethodAnswer: object({ status: integer, payload: {} }),
} satisfies { [name: string]: Schema };

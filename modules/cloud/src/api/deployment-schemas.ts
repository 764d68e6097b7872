// JSON Schemas of deployments at scale, their dry run, and the history of a node.

import { METRICS_MAX } from '../deployments/configuration-input.ts';
import { TARGET_CONDITION_CHARS_MAX } from '../deployments/target-condition.ts';
import type { Schema } from './route.ts';

const text: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };
const boolean: Schema = { type: 'boolean' };
const time: Schema = { type: 'string', format: 'date-time' };
const anyObject: Schema = { type: 'object' };
const texts: Schema = { type: 'object', additionalProperties: text };
const textOrNull: Schema = { type: ['string', 'null'] };

function object(properties: { [name: string]: Schema }, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}
const list = (items: Schema): Schema => ({ type: 'array', items });

const FIELDS = {
  targetCondition: {
    ...text,
    maxLength: TARGET_CONDITION_CHARS_MAX,
    default: '',
    description: 'Over deviceId, tags and reported properties; * = all, empty = none.',
  },
  priority: { type: 'integer', minimum: 0, maximum: 2 ** 31 - 1, default: 0, description: 'The highest base wins.' },
  labels: { type: ['object', 'null'], additionalProperties: text, default: null },
  metrics: {
    ...object({ queries: { ...texts, maxProperties: METRICS_MAX } }),
    description: 'Custom metrics: queries by name, asked every five minutes and after each change.',
  },
} satisfies { [name: string]: Schema };

function withoutDefaults(fields: { [name: string]: Schema }): { [name: string]: Schema } {
  return Object.fromEntries(Object.entries(fields).map(([name, { default: _default, ...schema }]) => [name, schema]));
}

export const DEPLOYMENT_CREATE: Schema = {
  type: 'object',
  properties: {
    id: { ...text, pattern: "^[a-z0-9\\-:.+%_#*?!(),=@;$'~]{1,128}$" },
    content: { ...anyObject, description: 'One of modulesContent, deviceContent, moduleContent; it never changes.' },
    ...FIELDS,
  },
  required: ['id', 'content'],
  additionalProperties: false,
};

/** Without defaults: what is absent stays. */
export const DEPLOYMENT_CHANGE: Schema = {
  type: 'object',
  properties: { ...withoutDefaults(FIELDS), etag: { ...text, description: 'Only while this is its etag.' } },
  additionalProperties: false,
};

export const DRY_RUN_REQUEST: Schema = {
  type: 'object',
  properties: {
    deployment: { ...anyObject, description: 'One to create, or to change when its id is there already.' },
    remove: { ...text, description: 'Id of one to delete.' },
  },
  additionalProperties: false,
};

const MODULE_CHANGES = list(
  object({
    module: { ...text, description: 'Empty: the twin of the device.' },
    change: { enum: ['added', 'removed', 'changed'] },
    paths: list(text),
  }),
);

const VIEW = object({ base: textOrNull, layers: list(text) });

const PAST = {
  seq: integer,
  atUtc: time,
  by: text,
  origin: {
    enum: ['configuration', 'fields', 'device', 'restore'],
    description: 'Who said it: configurations, the fields of the node, somebody for this node alone, a way back.',
  },
  base: textOrNull,
  layers: list(text),
  desiredVersion: integer,
  modules: list(text),
  isCurrent: boolean,
};

const DEPLOYMENT = object({
  id: text,
  etag: text,
  kind: { enum: ['modulesContent', 'deviceContent', 'moduleContent'] },
  isLayer: boolean,
  targetCondition: text,
  priority: integer,
  labels: { type: ['object', 'null'], additionalProperties: text },
  metrics: object({ queries: texts, results: { type: 'object', additionalProperties: { type: 'number' } } }),
  createdAtUtc: time,
  createdBy: text,
  updatedAtUtc: time,
  updatedBy: text,
  progress: object({ targeted: integer, applied: integer, reportedSuccessful: integer, reportedFailed: integer }),
});

export const DEPLOYMENT_SCHEMAS = {
  FleetDeployment: DEPLOYMENT,
  FleetDeploymentList: object({ deployments: list(DEPLOYMENT) }),
  FleetDeploymentContent: object({ content: anyObject }),
  FleetDeploymentNodes: object({
    nodes: list(
      object({
        name: text,
        module: { ...text, description: 'Empty: the device.' },
        status: { enum: ['Targeted', 'Applied'] },
        outcome: { enum: ['', 'successful', 'failed'] },
        problem: { ...textOrNull, description: 'Why nothing is changed although it is asked for.' },
      }),
    ),
    next: { ...textOrNull, description: 'For `after`.' },
  }),
  DryRun: object({
    devices: integer,
    targeted: integer,
    changed: integer,
    problems: integer,
    nodes: list(object({ name: text, before: VIEW, after: VIEW, changes: MODULE_CHANGES, problem: textOrNull })),
  }),
  DeploymentHistory: object({ deployments: list(object(PAST)) }),
  PastDeployment: object({ ...PAST, changes: MODULE_CHANGES, modulesContent: anyObject }),
} satisfies { [name: string]: Schema };

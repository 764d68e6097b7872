// Routes that reach into a node: direct methods and logs, both through edgeAgent or the module itself.

import type { Json } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { AGENT_NAME, HUB_NAME } from '../health/desired-modules.ts';
import { actorOf, nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { recordedMethod } from './recorded-method.ts';
import { type Call, json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const METHOD_BYTES_MAX = 256 * 1024;
const LOG_LINES_DEFAULT = 500;
const LOG_LINES_MAX = 100_000;
/** Reading logs of a busy container takes its time. */
const LOGS_TIMEOUT_SECS = 60;

const METHOD: Schema = {
  type: 'object',
  properties: {
    methodName: { type: 'string', minLength: 1, maxLength: 128 },
    payload: {},
    responseTimeoutInSeconds: { type: 'integer', minimum: 5, maximum: 300 },
    connectTimeoutInSeconds: { type: 'integer', minimum: 0, maximum: 300 },
  },
  required: ['methodName'],
  additionalProperties: false,
};

interface MethodBody {
  methodName: string;
  payload?: Json;
  responseTimeoutInSeconds?: number;
  connectTimeoutInSeconds?: number;
}

export function moduleRoutes(parts: ApiParts): Route[] {
  const methodRoute = (path: string, summary: string): Route => ({
    method: 'post',
    path,
    right: 'operate',
    summary,
    body: { schema: METHOD, checkedBy: 'schema', bytesMax: METHOD_BYTES_MAX },
    success: {
      status: 200,
      description: 'Status and payload as the module answered them.',
      schema: ref('MethodAnswer'),
    },
    refusals: [404, 429, 503, 504],
    handle: (call) => callMethod(parts, call),
  });
  return [
    methodRoute('/nodes/{name}/methods', 'Call a direct method of the device'),
    methodRoute('/nodes/{name}/modules/{module}/methods', 'Call a direct method of a module'),
    {
      method: 'get',
      path: '/nodes/{name}/modules/{module}/logs',
      right: 'operate',
      summary: 'Log of a module, read through GetModuleLogs of edgeAgent',
      query: {
        tail: { type: 'integer', minimum: 1, maximum: LOG_LINES_MAX, default: LOG_LINES_DEFAULT },
        since: {
          type: 'string',
          minLength: 1,
          maxLength: 100,
          description: 'RFC 3339, UNIX seconds, or a duration such as 1d.',
        },
      },
      success: { status: 200, description: 'Lines of the log.', contentType: 'text/plain' },
      refusals: [404, 429, 502, 503, 504],
      handle: (call) => readLogs(parts, call),
    },
  ];
}

/** The runtime's own modules are known by the names of their containers, too. */
export function moduleIdOf(name: string): string {
  return name === AGENT_NAME || name === HUB_NAME ? `$${name}` : name;
}

async function callMethod(parts: ApiParts, call: Call) {
  const node = await parts.nodes.get(nameOf(call));
  const moduleId = call.params.module === undefined ? undefined : moduleIdOf(call.params.module);
  const body = call.body as MethodBody;
  const answer = await recordedMethod(
    parts,
    { nodeName: node.name, moduleId, by: actorOf(call) },
    {
      methodName: body.methodName,
      ...('payload' in body ? { payload: body.payload } : {}),
      ...(body.responseTimeoutInSeconds === undefined ? {} : { responseTimeoutSecs: body.responseTimeoutInSeconds }),
      ...(body.connectTimeoutInSeconds === undefined ? {} : { connectTimeoutSecs: body.connectTimeoutInSeconds }),
    },
  );
  return json(answer);
}

async function readLogs(parts: ApiParts, call: Call) {
  const node = await parts.nodes.get(nameOf(call));
  const { tail, since } = call.query as { tail: number; since?: string };
  const module = (call.params.module ?? '').replace(/^\$/, '');
  const { status, payload } = await parts.platform.invokeMethod(node.name, '$edgeAgent', {
    methodName: 'GetModuleLogs',
    payload: {
      schemaVersion: '1.0',
      // `id` is a regular expression there.
      items: [{ id: `^${escapeRegExp(module)}$`, filter: { tail, ...(since === undefined ? {} : { since }) } }],
      encoding: 'none',
      contentType: 'text',
    },
    responseTimeoutSecs: LOGS_TIMEOUT_SECS,
  });
  if (status !== 200) throw logsFailed(node.name, module, `edgeAgent answered ${status}: ${messageOf(payload)}`);
  if (!Array.isArray(payload) || payload.length === 0)
    throw logsFailed(node.name, module, 'the node has no such module');
  const texts = payload.map((item) => (item as { payload?: unknown } | null)?.payload);
  return { text: texts.filter((text): text is string => typeof text === 'string').join('') };
}

function logsFailed(nodeName: string, module: string, why: string) {
  return refusal('CLOUD_METHOD_FAILED', `Cannot read the log of ${module} on ${nodeName}: ${why}`);
}

const MESSAGE_CHARACTERS_MAX = 500;

function messageOf(payload: Json): string {
  const message = (payload as { message?: unknown } | null)?.message;
  return (typeof message === 'string' ? message : JSON.stringify(payload)).slice(0, MESSAGE_CHARACTERS_MAX);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
